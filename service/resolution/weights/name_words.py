"""What the words in tensors' names say, as networks are commonly written."""

import re
from collections.abc import Sequence

_NORMS = frozenset({"layer_norm", "group_norm", "batch_norm"})
_MAPS = frozenset({"linear", "conv1d", "conv2d", "attention"})
KINDS = _NORMS | _MAPS | {"embedding", "positional_embedding"}

_ROLE = re.compile(
    r"(?:(?P<module>.+)_)?"
    r"(?P<role>weight|bias|gamma|beta|running_mean|running_var|num_batches_tracked)"
)
_SYNONYMS = {"gamma": "weight", "beta": "bias"}
_WRAPPERS = frozenset({"_orig_mod"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NUMBER = re.compile(r"[0-9]+")

_KINDS_OF_WORDS = {
    "norm layernorm groupnorm batchnorm bn ln gn": _NORMS,
    "conv fc linear lin dense proj head classifier": _MAPS,
    "pos position positions positional": KINDS - {"embedding"},
    "tok token tokens word words": KINDS - {"positional_embedding"},
    "wte": frozenset({"embedding"}),
    "wpe": frozenset({"positional_embedding"}),
}
_KINDS_OF_WORD = {
    word: kinds for words, kinds in _KINDS_OF_WORDS.items() for word in words.split()
}
_SHORTCUTS = frozenset({"downsample", "shortcut", "skip"})
_PROJECTIONS = {
    "q": 0,
    "query": 0,
    "wq": 0,
    "k": 1,
    "key": 1,
    "wk": 1,
    "v": 2,
    "value": 2,
    "wv": 2,
}


def split(name: str) -> tuple[tuple[str, ...], str | None]:
    """The modules that a tensor lies in, outermost first, and its role there.

    Args:
        name: Modules parted by dots or slashes.

    Returns:
        The modules, and ``weight``, ``bias``, ``running_mean``, ``running_var`` or
        ``num_batches_tracked``; ``None`` where the name says nothing of its role, and
        its last part then counts as a module.
    """
    parts = [part for part in re.split(r"[./]", name) if part not in _WRAPPERS]
    found = _ROLE.fullmatch(parts[-1]) if parts else None
    if found is None:
        return tuple(parts), None
    module, role = found["module"], found["role"]
    inner = [] if module is None else [module]
    return (*parts[:-1], *inner), _SYNONYMS.get(role, role)


def unwrapped(name: str) -> str:
    """The name without the modules that only wrap others."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def kinds(modules: Sequence[str]) -> frozenset[str]:
    """Kinds of layers that the innermost module can be, judged by its name."""
    possible = KINDS
    for word in _words(modules[-1]) if modules else ():
        possible &= _KINDS_OF_WORD.get(word, KINDS)
    return possible or KINDS


def on_shortcut(modules: Sequence[str]) -> bool:
    """Whether one of the modules is called a skip connection."""
    return any(word in _SHORTCUTS for module in modules for word in _words(module))


def projection(module: str) -> tuple[int, str] | None:
    """Whether a module is called that of an attention's queries, keys or values.

    Args:
        module: Its name.

    Returns:
        0, 1 or 2, and the rest of the name, which the three have in common.
    """
    for found in _WORD.finditer(module):
        place = _PROJECTIONS.get(found[0].lower())
        if place is not None:
            return place, f"{module[: found.start()]}*{module[found.end() :]}"
    return None


def family(module: str) -> tuple[str, tuple[int, ...]]:
    """A module's name without its numbers, and the numbers, which put it in order."""
    numbers = tuple(int(number) for number in _NUMBER.findall(module))
    return _NUMBER.sub("#", module), numbers


def _words(module: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(module))
