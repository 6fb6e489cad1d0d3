"""Resumable uploads: files that arrive in as many pieces as it takes."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Schema
from service.schemas.files import Purpose, StoredFile

UploadId = Annotated[str, Field(pattern=r"^upload_[0-9a-f]{32}$")]


class UploadRequest(Schema):
    """A file that is going to be sent."""

    purpose: Purpose
    filename: Annotated[
        str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")
    ] = "upload.safetensors"
    """A label; never used as a path."""
    bytes: Annotated[int, Field(ge=1, le=2**53 - 1)]
    """Its whole length."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Its digest; the file is refused if it turns out to have another one."""


class Upload(Schema):
    """How far a file has come."""

    id: UploadId
    object: Literal["upload"]
    purpose: Purpose
    filename: str
    bytes: int
    sha256: str
    offset: int
    """How many bytes are here: where the next piece begins."""
    file: StoredFile | None
    """The file, once all bytes are here and were found to be good."""
    created_at: datetime
    expires_at: datetime
    """When it is forgotten, unless more bytes come before."""


class UploadPage(Schema):
    """Uploads, newest first."""

    items: list[Upload]
    next_cursor: str | None
