"""Cursors of pages: the id at which the page before ended, opaque to clients."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Protocol, TypeVar

from service.errors import BadCursor
from service.stores.sql.identifiers import Kind, is_id


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


_Record = TypeVar("_Record", bound=_Identified)


def page(records: Sequence[_Record], limit: int) -> tuple[list[_Record], str | None]:
    """Returns up to `limit` records, and the cursor of what follows if there is more.

    Args:
        records: One more than fit on the page, if there are as many.
        limit: Length of the page.
    """
    shown = list(records[:limit])
    return shown, encode(shown[-1].id) if len(records) > limit else None


def encode(last_id: str) -> str:
    """Returns the cursor of the page after this id."""
    return urlsafe_b64encode(last_id.encode("ascii")).decode("ascii").rstrip("=")


def decode(kind: Kind, cursor: str) -> str:
    """Returns the id in a cursor.

    Raises:
        BadCursor: If `encode` did not make it for such a list.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        last_id = urlsafe_b64decode(padded.encode("ascii")).decode("ascii")
    except (UnicodeError, binascii.Error):
        last_id = ""
    if not is_id(kind, last_id) or encode(last_id) != cursor:
        raise BadCursor("The cursor does not come from this list.")
    return last_id
