"""The orders in which the tensors of a tree can stand in a network's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from service.resolution.parameters import Shape
from service.resolution.weights.name_tree import Leaf, Module, size

_MOST_STEPS = 200_000
Order = tuple["Order", "Order"] | Leaf | None
"""Leaves one after the other, as pairs; none is nothing."""


class TooManyOrders(Exception):
    """There are too many orders to be looked at."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A tensor of a network, which an uploaded one is to fill.

    Attributes:
        name: Its name.
        shape: Its shape.
        role: In its module.
        kind: Of its layer.
        shortcut: Whether it lies on a skip connection.
    """

    name: str
    shape: Shape
    role: str | None
    kind: str
    shortcut: bool

    def takes(self, leaf: Leaf) -> bool:
        """Whether a tensor could be this one, by itself."""
        return (
            leaf.shape == self.shape
            and leaf.role in (None, self.role)
            and self.kind in leaf.kinds
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What has been placed of a module.

    Attributes:
        end: The slot after it.
        orders: Its orders, at most two.
    """

    end: int
    orders: list[Order]

    def add(self, before: Sequence[Order], after: Sequence[Order]) -> None:
        """Adds orders that consist of two parts."""
        self.orders.extend((first, second) for first in before for second in after)
        del self.orders[2:]


@final
class Orders:
    """Arranges uploaded tensors in the slots of a network.

    Modules stay together, and those whose names differ in numbers only come in the
    order of these.
    """

    def __init__(
        self, slots: Sequence[Slot], blocks: Sequence[range] | None = None
    ) -> None:
        """Looks at nothing yet.

        Args:
            slots: The network's tensors, in order.
            blocks: Its own modules, as ranges of slots, where uploaded ones must lie
                within one or around it, and tensors of skip connections on such.
        """
        self._slots = slots
        self._blocks = blocks
        self._known: dict[tuple[int, int], list[Order]] = {}
        self._steps = 0

    def of(self, tree: Module) -> list[list[Leaf]]:
        """All orders, or two of them; TooManyOrders is raised if that takes too long.

        Args:
            tree: The uploaded tensors, as many as slots.

        Returns:
            For each order a leaf for every slot.
        """
        return [_leaves(order) for order in self._at(tree, 0)]

    def _at(self, node: Leaf | Module, start: int) -> list[Order]:
        """At most two orders of a part of the tree that begin at a slot."""
        if isinstance(node, Leaf):
            return [node] if self._fits(node, start) else []
        key = (id(node), start)
        if key not in self._known:
            straddles = self._straddles(range(start, start + node.size))
            self._known[key] = [] if straddles else self._of_module(node, start)
        return self._known[key]

    def _fits(self, leaf: Leaf, start: int) -> bool:
        slot = self._slots[start]
        aside = self._blocks is not None and leaf.shortcut and not slot.shortcut
        return slot.takes(leaf) and not aside

    def _of_module(self, module: Module, start: int) -> list[Order]:
        states = {(0,) * len(module.families): _State(end=start, orders=[None])}
        for _ in range(sum(map(len, module.families))):
            further: dict[tuple[int, ...], _State] = {}
            for counts, state in states.items():
                self._count(len(counts))
                for number, child in _next(module, counts):
                    following = self._at(child, state.end)
                    if following:
                        more = list(counts)
                        more[number] += 1
                        end = state.end + size(child)
                        further.setdefault(tuple(more), _State(end=end, orders=[])).add(
                            state.orders, following
                        )
            states = further
        return [order for state in states.values() for order in state.orders]

    def _straddles(self, placed: range) -> bool:
        """Whether a module lies partly in one of the network's and partly beside it."""
        blocks = self._blocks or ()
        self._count(len(blocks))
        return any(
            block.start < placed.start < block.stop < placed.stop
            or placed.start < block.start < placed.stop < block.stop
            for block in blocks
        )

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise TooManyOrders


def _next(
    module: Module, counts: tuple[int, ...]
) -> Iterator[tuple[int, Leaf | Module]]:
    """What can be placed next of each family, of which so many have been."""
    for number, (family, count) in enumerate(zip(module.families, counts, strict=True)):
        if count < len(family):
            yield number, family[count]


def _leaves(order: Order) -> list[Leaf]:
    leaves: list[Leaf] = []
    left: list[Order] = [order]
    while left:
        part = left.pop()
        if isinstance(part, Leaf):
            leaves.append(part)
        elif part is not None:
            left.extend(part)
    leaves.reverse()
    return leaves
