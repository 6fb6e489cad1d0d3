"""The refusal of an uploaded file."""

import re
from typing import final

SHOWN_NAME_LENGTH = 256


def shown(name: str) -> str:
    """A tensor's name as it may appear in an answer: other characters become ``?``."""
    return re.sub(r"[^A-Za-z0-9_.\-/]", "?", name[:SHOWN_NAME_LENGTH])


@final
class TensorsInvalid(Exception):
    """A file that is not acceptable safetensors.

    Attributes:
        reason: Stable name of what is wrong, such as ``spans_not_gapless``.
        detail: The same as a sentence, without the file's bytes.
        tensor: The offending tensor's name, made harmless; ``None`` if it is the file.
    """

    def __init__(self, reason: str, detail: str, *, tensor: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.tensor = None if tensor is None else shown(tensor)
