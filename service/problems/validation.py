"""Validation errors -> JSON pointers into what the client sent."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from service.schemas.problem_details import FieldError

_MOST_ERRORS = 50
_MOST_POINTER_CHARACTERS = 500
_OBJECT = "Input should be an object"
_DETAILS = {
    "union_tag_not_found": "Field required",
    "model_attributes_type": _OBJECT,
    "model_type": _OBJECT,
    "dict_type": _OBJECT,
}
"""What is said in words of JSON where the library speaks of Python or itself."""


def field_errors(errors: Sequence[Mapping[str, Any]], body: object) -> list[FieldError]:
    """What is wrong with each field, at most 50 of them; no value is repeated.

    Args:
        errors: As pydantic reports them, with ``loc`` beginning with where it was:
            body, query, path or header.
        body: The parsed body, which tells fields from branches of unions.

    Returns:
        One entry for each error, in their order.
    """
    return [_field_error(error, body) for error in errors[:_MOST_ERRORS]]


def _field_error(error: Mapping[str, Any], body: object) -> FieldError:
    place, *steps = cast("tuple[str | int, ...]", error["loc"])
    code = str(error["type"])
    if place == "body":
        pointer = body_pointer(steps, body)
        if code in {"union_tag_invalid", "union_tag_not_found"}:
            pointer += "/kind"
    else:
        pointer = "/".join(str(step) for step in (place, *steps))
    return FieldError(
        pointer=pointer[:_MOST_POINTER_CHARACTERS], code=code, detail=_detail(error)
    )


def _detail(error: Mapping[str, Any]) -> str:
    # The library's own message for this type repeats the client's value.
    if error["type"] == "union_tag_invalid":
        return f"Input should be one of {error['ctx']['expected_tags']}"
    return _DETAILS.get(error["type"], str(error["msg"]))


def body_pointer(steps: Sequence[str | int], body: object) -> str:
    """The JSON pointer (RFC 6901) of a location that may name branches of unions.

    A step is a branch, not a field, when the value at hand is no container that it
    could lead into, or is an object whose ``kind`` it repeats.

    Returns:
        The pointer; empty is the whole body.
    """
    pointer = ""
    value = body
    fresh = True
    for position, step in enumerate(steps):
        last = position == len(steps) - 1
        if isinstance(value, dict):
            fields = cast("dict[str, object]", value)
            if (fresh and fields.get("kind") == step) or step == "[key]":
                fresh = False
                continue
            if step not in fields and not last:
                continue
            value = fields.get(str(step))
        elif isinstance(value, list) and isinstance(step, int):
            items = cast("list[object]", value)
            value = items[step] if 0 <= step < len(items) else None
        else:
            continue
        fresh = True
        pointer += "/" + str(step).replace("~", "~0").replace("/", "~1")
    return pointer
