"""The header's JSON, read one tensor at a time.

The header of a safetensors file is an object of small objects. A walk along that fixed
grammar, in place of a JSON parser that builds whatever it is sent, bounds the memory by
one tensor, the depth by the grammar, and lets a count stop the walk early.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from pydantic import JsonValue

from service.tensors.invalid import TensorsInvalid

METADATA_KEY = "__metadata__"
METADATA_LIMIT = 64 * 1024
KEY_LIMIT = 2048
TENSOR_LIMIT = 4096

_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"'
_KEY = re.compile(_SPACE + b"(" + _STRING + b")" + _SPACE + b":" + _SPACE, re.DOTALL)
_FLAT_OBJECT = re.compile(
    rb'\{(?:[^{}\[\]"]++|' + _STRING + rb"|\[[0-9, \t\n\r]*+\])*+\}", re.DOTALL
)
_NEXT = re.compile(_SPACE + rb"([,}])")
_END = re.compile(_SPACE + rb"\Z")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderItem:
    """One member of the header: a tensor, or the metadata.

    Attributes:
        name: Its key.
        fields: Its value; the keys are distinct.
    """

    name: str
    fields: dict[str, JsonValue]


def items(header: bytes) -> Iterator[HeaderItem]:
    """The members of a header, in order, each parsed when it is asked for.

    Yields:
        Tensors and metadata; names may still repeat.

    Raises:
        TensorsInvalid: If the next member breaks the grammar.
    """
    if not header.startswith(b"{"):
        raise TensorsInvalid("header_malformed", "The header is not a JSON object.")
    position = 1
    following = _NEXT.match(header, position)
    if following is not None and following[1] == b"}":
        _finish(header, following.end())
        return
    while True:
        item, position = _item(header, position)
        yield item
        following = _NEXT.match(header, position)
        if following is None:
            raise TensorsInvalid(
                "header_malformed",
                "A tensor's entry is followed by neither a comma nor the end.",
                tensor=item.name,
            )
        position = following.end()
        if following[1] == b"}":
            _finish(header, position)
            return


def _item(header: bytes, position: int) -> tuple[HeaderItem, int]:
    key = _KEY.match(header, position)
    if key is None:
        raise TensorsInvalid("header_malformed", "A tensor's name was expected.")
    if key.end(1) - key.start(1) > KEY_LIMIT:
        raise TensorsInvalid("name_invalid", "A tensor's name is too long.")
    name = _text(key[1])
    value = _FLAT_OBJECT.match(header, key.end())
    if value is None:
        raise TensorsInvalid(
            "header_malformed",
            "The entry is not an object of strings and lists of natural numbers.",
            tensor=name,
        )
    length = value.end() - value.start()
    if name == METADATA_KEY and length > METADATA_LIMIT:
        raise TensorsInvalid("metadata_too_large", "The metadata exceed 64 KiB.")
    if name != METADATA_KEY and length > TENSOR_LIMIT:
        raise TensorsInvalid(
            "header_malformed", "The entry of a tensor is too long.", tensor=name
        )
    return HeaderItem(name=name, fields=_fields(value[0], name)), value.end()


def _finish(header: bytes, position: int) -> None:
    if _END.match(header, position) is None:
        raise TensorsInvalid("header_malformed", "Something follows the JSON object.")


def _text(text: bytes) -> str:
    """A JSON string."""
    try:
        value: str = json.loads(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise _not_utf8(None) from None
    except json.JSONDecodeError:
        raise TensorsInvalid("header_malformed", "A name is not valid JSON.") from None
    return value


def _fields(text: bytes, tensor: str) -> dict[str, JsonValue]:
    """A short JSON object with distinct keys."""
    try:
        fields: dict[str, JsonValue] = _DECODER.decode(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise _not_utf8(tensor) from None
    except ValueError:
        raise TensorsInvalid(
            "header_malformed", "The entry is not valid JSON.", tensor=tensor
        ) from None
    except TensorsInvalid as error:
        raise TensorsInvalid(error.reason, error.detail, tensor=tensor) from None
    return fields


def _distinct(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise TensorsInvalid("duplicate_key", "A key of the entry is repeated.")
    return fields


def _not_utf8(tensor: str | None) -> TensorsInvalid:
    return TensorsInvalid(
        "header_not_utf8", "The header is not valid UTF-8.", tensor=tensor
    )


_DECODER = json.JSONDecoder(object_pairs_hook=_distinct)
