"""Uploaded tensors as the tree of modules that their names spell."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

from service.resolution.parameters import Shape
from service.resolution.weights import name_words

_DEEPEST = 24


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A tensor, or several that are one joined along the first dimension.

    Attributes:
        names: As uploaded.
        shape: Of all of them together.
        role: In its module; ``None`` where its name does not tell.
        kinds: Kinds of layers that it can belong to.
        shortcut: Whether its name says that it lies on a skip connection.
    """

    names: tuple[str, ...]
    shape: Shape
    role: str | None
    kinds: frozenset[str]
    shortcut: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Module:
    """What lies in a module.

    Attributes:
        families: Modules whose names differ in numbers only, in the order of these;
            between families the names tell no order.
        size: Tensors in it, in its modules too.
    """

    families: Sequence[Sequence["Leaf | Module"]]
    size: int


@final
@dataclass(slots=True)
class _Draft:
    """A module while names are read."""

    modules: dict[str, "_Draft"] = field(default_factory=dict["str", "_Draft"])
    leaves: list[Leaf] = field(default_factory=list[Leaf])


def name_tree(shapes: Mapping[str, Shape], *, lists_apart: bool = False) -> Module:
    """The tree.

    Queries, keys and values that are kept apart are joined.

    Args:
        shapes: Shapes by name.
        lists_apart: Whether lists of modules are taken for what they hold, as where a
            network applies two lists in turn.

    Returns:
        Its root.
    """
    root = _Draft()
    for name, shape in shapes.items():
        modules, role = name_words.split(name)
        leaf = Leaf(
            names=(name,),
            shape=shape,
            role=role,
            kinds=name_words.kinds(modules),
            shortcut=name_words.on_shortcut(modules),
        )
        _place(root, modules, leaf)
    return _finished(root, lists_apart=lists_apart)


def size(node: Leaf | Module) -> int:
    """Tensors in a part of a tree."""
    return node.size if isinstance(node, Module) else 1


def _place(root: _Draft, modules: Sequence[str], leaf: Leaf) -> None:
    draft = root
    for module in (*modules[:_DEEPEST], "/".join(modules[_DEEPEST:])):
        if module:
            draft = draft.modules.setdefault(module, _Draft())
    draft.leaves.append(leaf)


def _finished(draft: _Draft, *, lists_apart: bool) -> Module:
    _join_projections(draft)
    numbered: dict[str, list[tuple[tuple[int, ...], Leaf | Module]]] = defaultdict(list)
    for name, inner in draft.modules.items():
        word, numbers = name_words.family(name)
        module = _finished(inner, lists_apart=lists_apart)
        if lists_apart and _is_list(inner):
            places = sorted(int(place) for place in inner.modules)
            for place, each in zip(places, module.families[0], strict=True):
                numbered[f"{word}.#"].append(((*numbers, place), each))
        else:
            numbered[word].append((numbers, module))
    families = [
        family for found in numbered.values() for family in _in_order(found)
    ] + [[leaf] for leaf in draft.leaves]
    return Module(families=families, size=sum(size(each) for each in _all(families)))


def _in_order(
    found: Sequence[tuple[tuple[int, ...], Leaf | Module]],
) -> list[list[Leaf | Module]]:
    """One family; modules of the same numbers are a family each."""
    if len({numbers for numbers, _ in found}) < len(found):
        return [[each] for _, each in found]
    return [[each for _, each in sorted(found, key=lambda pair: pair[0])]]


def _is_list(draft: _Draft) -> bool:
    if draft.leaves or not all(name.isdecimal() for name in draft.modules):
        return False
    return len({int(name) for name in draft.modules}) == len(draft.modules)


def _all(families: Iterable[Iterable[Leaf | Module]]) -> Iterable[Leaf | Module]:
    return (each for family in families for each in family)


def _join_projections(draft: _Draft) -> None:
    """Makes one module of those of queries, keys and values, in this order."""
    triples: dict[str, dict[int, str]] = defaultdict(dict)
    for name in draft.modules:
        found = name_words.projection(name)
        if found is not None:
            triples[found[1]][found[0]] = name
    for triple in triples.values():
        parts = [draft.modules[triple[place]] for place in sorted(triple)]
        joined = _joined([part.leaves for part in parts])
        if len(parts) == len("qkv") and joined and not any(p.modules for p in parts):
            for name in triple.values():
                del draft.modules[name]
            draft.modules["+".join(triple.values())] = _Draft(leaves=joined)


def _joined(parts: Sequence[Sequence[Leaf]]) -> list[Leaf]:
    """Tensors of equal role and shape, joined; none where there are others."""
    by_role = [{leaf.role: leaf for leaf in leaves} for leaves in parts]
    first = by_role[0]
    if any(
        {role: leaf.shape for role, leaf in roles.items()}
        != {role: leaf.shape for role, leaf in first.items()}
        for roles in by_role
    ):
        return []
    return [
        replace(
            leaf,
            names=tuple(roles[role].names[0] for roles in by_role),
            shape=(len(parts) * leaf.shape[0], *leaf.shape[1:]),
            kinds=frozenset({"attention"}),
        )
        for role, leaf in first.items()
        if leaf.shape
    ]
