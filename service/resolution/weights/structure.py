"""Uploaded tensors matched with a network's by the structure of their names.

Files list tensors alphabetically, so that the order of layers must come from what
names say: modules within modules, numbers, and the roles and shapes of tensors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from service.resolution.parameters import Entry, Shape
from service.resolution.weights import name_words
from service.resolution.weights.name_tree import Leaf, Module, name_tree
from service.resolution.weights.orders import Orders, Slot, TooManyOrders
from service.schemas.problems import Source

_BLOCKS = frozenset({"layers", "shortcut"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguity:
    """Names that can be understood in several ways.

    Attributes:
        candidates: Of some of our names, two that could be meant.
    """

    candidates: Mapping[str, tuple[Source, Source]]


def by_structure(
    entries: Sequence[Entry], shapes: Mapping[str, Shape]
) -> dict[str, Source] | Ambiguity | None:
    """Our names to the uploaded ones.

    Args:
        entries: A network's tensors, in order.
        shapes: Shapes of all uploaded tensors by name.

    Returns:
        The matching if there is only one, a bijection; ``None`` if there is none.
    """
    slots = [_slot(entry) for entry in entries]
    try:
        for lists_apart in (False, True):
            tree = name_tree(shapes, lists_apart=lists_apart)
            if tree.size != len(slots):
                return None
            orders = _orders(slots, tree)
            if len(orders) == 1:
                return _named(slots, orders[0])
            if orders:
                return _ambiguity(slots, *orders)
    except TooManyOrders:
        return Ambiguity(candidates={})
    return None


def _orders(slots: Sequence[Slot], tree: Module) -> list[list[Leaf]]:
    """Orders; where there are several, those that agree with our blocks, if any do."""
    orders = Orders(slots).of(tree)
    if len(orders) > 1:
        return Orders(slots, _blocks(slots)).of(tree) or orders
    return orders


def _slot(entry: Entry) -> Slot:
    modules, role = name_words.split(entry.name)
    return Slot(
        name=entry.name,
        shape=entry.shape,
        role=role,
        kind=entry.layer,
        shortcut="shortcut" in modules,
    )


def _blocks(slots: Sequence[Slot]) -> list[range]:
    """Residual blocks, and each of their sides, as ranges of slots."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for number, slot in enumerate(slots):
        modules, _ = name_words.split(slot.name)
        for depth, module in enumerate(modules):
            if module in _BLOCKS:
                for block in (modules[:depth], modules[: depth + 1]):
                    first, _ = found.get(block, (number, number))
                    found[block] = (first, number + 1)
    return [range(first, end) for first, end in found.values()]


def _named(slots: Sequence[Slot], order: Sequence[Leaf]) -> dict[str, Source]:
    return {slot.name: _source(leaf) for slot, leaf in zip(slots, order, strict=True)}


def _source(leaf: Leaf) -> Source:
    return leaf.names[0] if len(leaf.names) == 1 else list(leaf.names)


def _ambiguity(
    slots: Sequence[Slot], first: Sequence[Leaf], second: Sequence[Leaf]
) -> Ambiguity:
    return Ambiguity(
        candidates={
            slot.name: (_source(one), _source(other))
            for slot, one, other in zip(slots, first, second, strict=True)
            if one is not other
        }
    )
