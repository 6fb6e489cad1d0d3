"""Matching tensors whose names are not ours, when that can be done in one way only."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from service.resolution.parameters import Shape

_NUMBER = re.compile(r"[0-9]+")
_ROLES = frozenset({"weight", "bias"})
Group = tuple[Shape, str]


def in_natural_order(
    parameters: Mapping[str, Shape], uploaded: Mapping[str, Shape]
) -> dict[str, str] | None:
    """Our names to the uploaded ones, or ``None`` if that is not clear.

    Tensors of equal shape (and equal ending, where all end in weight or bias) are
    matched in the order of the numbers in their names. That is clear if the rest of
    their names is the same, and if names that differ in numbers only, whatever their
    shapes, come out in the order of our layers.

    Args:
        parameters: Our names, in order, and shapes.
        uploaded: Uploaded names and shapes.

    Returns:
        The matching, a bijection.
    """
    with_roles = all(_ending(name) in _ROLES for name in uploaded)
    ours, theirs = _grouped(parameters, with_roles), _grouped(uploaded, with_roles)
    if {key: len(names) for key, names in ours.items()} != {
        key: len(names) for key, names in theirs.items()
    }:
        return None
    if not all(_is_ordered(names) for names in theirs.values()):
        return None
    found = {
        mine: other
        for key, names in ours.items()
        for mine, other in zip(names, sorted(theirs[key], key=_numbers), strict=True)
    }
    families: dict[str, list[str]] = defaultdict(list)
    for name in parameters:
        families[_family(found[name])].append(found[name])
    if not all(names == sorted(names, key=_numbers) for names in families.values()):
        return None
    return {name: found[name] for name in parameters}


def _grouped(
    shapes: Mapping[str, Shape],
    with_roles: bool,  # noqa: FBT001
) -> dict[Group, list[str]]:
    groups: dict[Group, list[str]] = defaultdict(list)
    for name, shape in shapes.items():
        groups[shape, _ending(name) if with_roles else ""].append(name)
    return groups


def _is_ordered(names: Sequence[str]) -> bool:
    """Whether the numbers in the names, and nothing else, put them in order."""
    same_family = len({_family(name) for name in names}) == 1
    numbers = sorted(_numbers(name) for name in names)
    return same_family and all(first < second for first, second in pairwise(numbers))


def _ending(name: str) -> str:
    return re.split(r"[./]", name)[-1]


def _family(name: str) -> str:
    """The name without its numbers."""
    return _NUMBER.sub("#", name)


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBER.findall(name))
