"""Uploaded files: one record for each tenant, purpose and content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import final

from sqlalchemy import Engine

from service.schemas.account import Quotas
from service.schemas.files import Purpose, TensorSummary
from service.stores.blobs import BlobStore


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """An uploaded file; its bytes lie in the blob store under `blob_key`."""

    tenant: str
    id: str
    purpose: Purpose
    filename: str
    bytes: int
    sha256: str
    tensor_count: int
    created_at: datetime

    @property
    def blob_key(self) -> str:
        """Where the bytes are; files of the same content share them."""
        return file_key(self.tenant, self.sha256)


@final
class FileStore:
    """The files of all tenants; every method takes the tenant."""

    def __init__(self, engine: Engine, blobs: BlobStore, quotas: Quotas) -> None:
        self._engine = engine
        self._blobs = blobs
        self._quotas = quotas

    def add(
        self,
        *,
        tenant: str,
        purpose: Purpose,
        filename: str,
        path: Path,
        size: int,
        sha256: str,
        tensors: Sequence[TensorSummary],
    ) -> tuple[FileRecord, bool]:
        """Returns the record of these bytes, and whether it is new.

        Bytes that the tenant already has for this purpose give the existing record.
        Otherwise the file at `path` is moved into the blob store (a rename when it lies
        in `blobs.scratch()`); the caller removes it in the other cases.

        Args:
            tenant: Whose it is.
            purpose: What it may be used for.
            filename: A label.
            path: The received bytes, checked.
            size: Their number.
            sha256: Their digest, in hex.
            tensors: What is in the file.

        Raises:
            QuotaExceeded: If the tenant would hold too many bytes or files.
        """
        raise NotImplementedError

    def get(self, tenant: str, file_id: str) -> FileRecord:
        """Returns one file.

        Raises:
            FileNotFound: If the tenant has no such file.
        """
        raise NotImplementedError

    def list(
        self, tenant: str, *, limit: int, cursor: str | None = None
    ) -> tuple[list[FileRecord], str | None]:
        """Returns a page of files, newest first, and the cursor of the next one.

        Raises:
            BadCursor: If the cursor is not from here.
        """
        raise NotImplementedError

    def tensors(self, tenant: str, file_id: str) -> "list[TensorSummary]":
        """Returns what is in a file.

        Raises:
            FileNotFound: If the tenant has no such file.
        """
        raise NotImplementedError

    def delete(self, tenant: str, file_id: str) -> None:
        """Deletes a record, and its bytes unless another record has the same.

        Raises:
            FileNotFound: If the tenant has no such file.
            FileInUse: If a job that has not ended names it.
        """
        raise NotImplementedError


def file_key(tenant: str, sha256: str) -> str:
    """Returns the blob key of uploaded bytes."""
    return f"{tenant}/files/{sha256}"
