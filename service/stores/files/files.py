"""Uploaded files: one record for each tenant, purpose and content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, final

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Select,
    delete,
    exists,
    func,
    select,
)

from service.errors import FileInUse, FileNotFound
from service.schemas.account import Quotas
from service.schemas.files import Purpose, TensorSummary
from service.schemas.jobs import TERMINAL_STATES
from service.stores.blobs.base import BlobStore
from service.stores.files.holdings import check_room
from service.stores.sql import cursors
from service.stores.sql.clock import moment, now_ms
from service.stores.sql.database import AnyRow, read, write
from service.stores.sql.identifiers import is_id, new_id
from service.stores.sql.tables import files, job_files, jobs
from service.stores.sql.tenants import lock_tenant

_TENSORS = TypeAdapter(list[TensorSummary])
_COLUMNS = tuple(column for column in files.c if column is not files.c.tensors)


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
        upload_id: str | None = None,
    ) -> tuple[FileRecord, bool]:
        """Returns the record of these bytes, and whether it is new.

        Bytes that the tenant already has for this purpose give the existing record.
        Otherwise the file at `path` is moved into the blob store (a rename when it lies
        in `blobs.scratch()`); the caller removes it in the other cases.

        `QuotaExceeded` if the tenant would hold too many bytes or files.

        Args:
            tenant: Whose it is.
            purpose: What it may be used for.
            filename: A label.
            path: The received bytes, checked.
            size: Their number.
            sha256: Their digest, in hex.
            tensors: What is in the file.
            upload_id: The upload, counted among what the tenant holds, that it was.
        """
        with write(self._engine) as connection:
            lock_tenant(connection, tenant)
            same = connection.execute(
                select(*_COLUMNS).where(
                    files.c.tenant == tenant,
                    files.c.sha256 == sha256,
                    files.c.purpose == purpose,
                )
            ).one_or_none()
            if same is not None:
                return _record(same), False
            check_room(connection, tenant, size, self._quotas, besides=upload_id)
            row = connection.execute(
                files.insert()
                .values(
                    tenant=tenant,
                    id=new_id("file"),
                    purpose=purpose,
                    filename=filename,
                    bytes=size,
                    sha256=sha256,
                    tensor_count=len(tensors),
                    tensors=_TENSORS.dump_json(list(tensors)).decode(),
                    created_at=now_ms(),
                )
                .returning(*_COLUMNS)
            ).one()
            record = _record(row)
            self._blobs.adopt(record.blob_key, path)
            return record, True

    def get(self, tenant: str, file_id: str) -> FileRecord:
        """Returns one file.

        `FileNotFound` if the tenant has no such file.
        """
        with read(self._engine) as connection:
            return _record(_find(connection, tenant, file_id))

    def tensors(self, tenant: str, file_id: str) -> list[TensorSummary]:
        """Returns what is in a file.

        `FileNotFound` if the tenant has no such file.
        """
        with read(self._engine) as connection:
            row = _find(connection, tenant, file_id, files.c.tensors)
        return _TENSORS.validate_json(row.tensors)

    def delete(self, tenant: str, file_id: str) -> None:
        """Deletes a record, and its bytes unless another record has the same.

        `FileNotFound` if the tenant has no such file.

        Raises:
            FileInUse: If a job that has not ended names it.
        """
        with write(self._engine) as connection:
            lock_tenant(connection, tenant)
            record = _record(_find(connection, tenant, file_id))
            if connection.execute(_used(tenant, file_id)).scalar_one():
                raise FileInUse("A job that has not ended needs this file.")
            connection.execute(
                delete(files).where(files.c.tenant == tenant, files.c.id == file_id)
            )
            others = select(func.count()).where(
                files.c.tenant == tenant, files.c.sha256 == record.sha256
            )
            if not connection.execute(others).scalar_one():
                self._blobs.delete(record.blob_key)

    def list(
        self, tenant: str, *, limit: int, cursor: str | None = None
    ) -> tuple[list[FileRecord], str | None]:
        """Returns a page of files, newest first, and the cursor of the next one.

        `BadCursor` if the cursor is not from here.
        """
        query = (
            select(*_COLUMNS)
            .where(files.c.tenant == tenant)
            .order_by(files.c.id.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            query = query.where(files.c.id < cursors.decode("file", cursor))
        with read(self._engine) as connection:
            records = [_record(row) for row in connection.execute(query)]
        return cursors.page(records, limit)


def file_key(tenant: str, sha256: str) -> str:
    """Returns the blob key of uploaded bytes."""
    return f"{tenant}/files/{sha256}"


def job_file_records(
    connection: Connection, tenant: str, job_id: str
) -> tuple[FileRecord, ...]:
    """Returns the files that a job names."""
    rows = connection.execute(
        select(*_COLUMNS)
        .join(job_files)
        .where(job_files.c.tenant == tenant, job_files.c.job_id == job_id)
        .order_by(files.c.id)
    )
    return tuple(_record(row) for row in rows)


def _find(
    connection: Connection, tenant: str, file_id: str, *columns: Column[Any]
) -> AnyRow:
    if is_id("file", file_id):
        query = select(*(columns or _COLUMNS)).where(
            files.c.tenant == tenant, files.c.id == file_id
        )
        row = connection.execute(query).one_or_none()
        if row is not None:
            return row
    raise FileNotFound("There is no such file.")


def _used(tenant: str, file_id: str) -> Select[bool]:
    return select(
        exists().where(
            job_files.c.tenant == tenant,
            job_files.c.file_id == file_id,
            jobs.c.tenant == tenant,
            jobs.c.id == job_files.c.job_id,
            jobs.c.state.not_in(TERMINAL_STATES),
        )
    )


def _record(row: AnyRow) -> FileRecord:
    return FileRecord(
        tenant=row.tenant,
        id=row.id,
        purpose=row.purpose,
        filename=row.filename,
        bytes=row.bytes,
        sha256=row.sha256,
        tensor_count=row.tensor_count,
        created_at=moment(row.created_at),
    )
