"""Whether all that one JSON schema allows is allowed by another.

A conservative comparison of the keywords that the contract uses: what it cannot tell
to be allowed counts as refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

Node = dict[str, Any]

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EQUAL = ("pattern", "format", "uniqueItems")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Compares schemas of two documents.

    Attributes:
        source: Document of what is sent.
        target: Document of what is understood.
        tolerant: Whether the receiver passes over fields that it does not know, and
            over new alternatives, which nobody gets who did not ask for them.
    """

    source: Node
    target: Node
    tolerant: bool
    _found: dict[tuple[int, int], list[str]] = field(
        default_factory=dict[tuple[int, int], list[str]]
    )

    def refusals(self, source: Node, target: Node, place: str) -> Iterator[str]:
        """Yields why something that is sent may not be understood."""
        alternatives = _alternatives(self.target, target)
        for sent in _alternatives(self.source, source):
            yield from self._closest(sent, alternatives, place)

    def _closest(self, sent: Node, known: list[Node], place: str) -> Iterator[str]:
        """What stands against the alternative that fits best."""
        if len(known) > 1 or _kind(sent) is not None:
            same = [it for it in known if _kind(it) == _kind(sent)]
            typed = [it for it in same if _fits(sent, it, "type")]
            if not typed:
                if not (self.tolerant and _kind(sent) is not None):
                    name = _kind(sent) or sent.get("type", "anything")
                    yield f"{place}: {name} is not understood"
                return
            known = typed
        reasons = [self._remembered(sent, it) for it in known]
        yield from (f"{place}{reason}" for reason in min(reasons, key=len))

    def _remembered(self, sent: Node, known: Node) -> list[str]:
        """What stands against one alternative; schemas may contain themselves."""
        key = id(sent), id(known)
        if key not in self._found:
            self._found[key] = []
            self._found[key] = list(self._one(sent, known, ""))
        return self._found[key]

    def _one(self, sent: Node, known: Node, place: str) -> Iterator[str]:
        if not _fits(sent, known, "type"):
            yield f"{place}: {sent.get('type', 'anything')} is not {known['type']}"
            return
        yield from _values(sent, known, place)
        yield from _bounds(sent, known, place)
        for name in ("items", "additionalProperties"):
            if isinstance(sent.get(name), dict) and isinstance(known.get(name), dict):
                yield from self.refusals(sent[name], known[name], f"{place}/{name}")
        patterns = [it.get("patternProperties", {}) for it in (sent, known)]
        if patterns[0] != patterns[1]:
            yield f"{place}: patternProperties changed"
        yield from self._fields(sent, known, place)

    def _fields(self, sent: Node, known: Node, place: str) -> Iterator[str]:
        sent_fields: Node = sent.get("properties", {})
        known_fields: Node = known.get("properties", {})
        for name in known.get("required", ()):
            if name not in sent.get("required", ()):
                yield f"{place}/{name}: may be missing"
        for name, schema in sent_fields.items():
            if name in known_fields:
                yield from self.refusals(schema, known_fields[name], f"{place}/{name}")
            elif not self.tolerant:
                yield f"{place}/{name}: is not understood"
        if self.tolerant:
            for name in known_fields:
                if name not in sent_fields:
                    yield f"{place}/{name}: is gone"


def resolved(document: Node, schema: Node) -> Node:
    """The schema behind a reference."""
    while "$ref" in schema:
        place: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        schema = place
    return schema


def _alternatives(document: Node, schema: Node) -> list[Node]:
    schema = resolved(document, schema)
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return [it for one in schema[name] for it in _alternatives(document, one)]
    return [schema]


def _kind(schema: Node) -> str | None:
    """The `kind` by which an alternative is told from others."""
    kind = schema.get("properties", {}).get("kind", {}).get("const")
    return None if kind is None else str(kind)


def _fits(sent: Node, known: Node, name: str) -> bool:
    if name not in known or sent.get(name) == known[name]:
        return True
    return (sent.get(name), known[name]) == ("integer", "number")


def _values(sent: Node, known: Node, place: str) -> Iterator[str]:
    """Constants and enumerations."""
    accepted = _listed(known)
    if accepted is None:
        return
    offered = _listed(sent)
    if offered is None:
        yield f"{place}: any value, where one of {accepted} is understood"
        return
    for value in offered:
        if value not in accepted:
            yield f"{place}: {value!r} is not understood"


def _listed(schema: Node) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(sent: Node, known: Node, place: str) -> Iterator[str]:
    for name in (*_LOWER, *_UPPER):
        if name not in known:
            continue
        bound, wanted = sent.get(name), known[name]
        if bound is None or (bound < wanted if name in _LOWER else bound > wanted):
            yield f"{place}: {name} {bound} exceeds {wanted}"
    for name in _EQUAL:
        if name in known and sent.get(name) != known[name]:
            yield f"{place}: {name} changed"
