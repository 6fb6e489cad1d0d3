"""JSON as RFC 8259 has it, and no deeper than anything meant well."""

import json
from typing import NoReturn, cast

from service.errors import BodyMalformed

MOST_DEPTH = 32


def parse(body: bytes) -> object:
    """The value of a JSON text.

    Returns:
        Dictionaries, lists, strings, numbers, booleans and None.

    Raises:
        BodyMalformed: It is no UTF-8 or no JSON, is nested deeper than 32, names a key
            twice, holds NaN or an infinity, or text that cannot be stored.
    """
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except RecursionError:
        raise BodyMalformed(f"JSON is nested deeper than {MOST_DEPTH}") from None
    except UnicodeDecodeError:
        raise BodyMalformed("The body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BodyMalformed(
            f"The body is not JSON: {error.msg} at character {error.pos}"
        ) from None
    except ValueError:
        raise BodyMalformed("The body holds a number with too many digits") from None
    _check(value)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise BodyMalformed("An object names a key twice")
    return result


def _no_constant(_: str) -> NoReturn:
    raise BodyMalformed("NaN and infinities are not JSON")


def _check(value: object) -> None:
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MOST_DEPTH and isinstance(item, dict | list):
            raise BodyMalformed(f"JSON is nested deeper than {MOST_DEPTH}")
        if isinstance(item, dict):
            fields = cast("dict[str, object]", item)
            waiting += ((key, depth) for key in fields)
            waiting += ((field, depth + 1) for field in fields.values())
        elif isinstance(item, list):
            waiting += ((entry, depth + 1) for entry in cast("list[object]", item))
        elif isinstance(item, str) and not _storable(item):
            raise BodyMalformed("A text holds U+0000 or half of a surrogate pair")


def _storable(text: str) -> bool:
    if "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
