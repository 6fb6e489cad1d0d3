"""Resumable uploads: how far each has come, and who may carry on.

Whoever sends a piece claims the upload at its offset, and every step forward shows the
claim's token. A later claim takes over from one whose connection is dead but not yet
known to be.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, final

from sqlalchemy import ColumnElement, Connection, Engine, delete, select, update

from service.errors import UploadNotFound, UploadOffsetConflict
from service.schemas.account import Quotas
from service.schemas.files import Purpose
from service.schemas.uploads import UploadRequest
from service.stores.files.holdings import check_room
from service.stores.sql import cursors
from service.stores.sql.clock import moment, now_ms
from service.stores.sql.database import AnyRow, read, write
from service.stores.sql.identifiers import new_id
from service.stores.sql.tables import files, uploads
from service.stores.sql.tenants import lock_tenant


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRecord:
    """An upload; what has come of it lies in the drafts under `key`."""

    tenant: str
    id: str
    purpose: Purpose
    filename: str
    bytes: int
    sha256: str
    received: int
    file_id: str | None
    created_at: datetime
    expires_at: datetime

    @property
    def key(self) -> str:
        """Where its bytes are until they are a file."""
        return f"{self.tenant}/uploads/{self.id}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to carry on with an upload, until another claim is made."""

    upload: UploadRecord
    token: str


@final
class UploadStore:
    """The uploads of all tenants; every method takes the tenant or what it owns."""

    def __init__(
        self, engine: Engine, quotas: Quotas, *, patience_seconds: float
    ) -> None:
        self._engine = engine
        self._quotas = quotas
        self._patience_ms = round(patience_seconds * 1000)

    def create(self, tenant: str, request: UploadRequest) -> tuple[UploadRecord, bool]:
        """Returns the upload of these bytes, and whether it is new.

        One that was begun before goes on, and bytes that the tenant has already need
        not be sent. `QuotaExceeded` if there would be no room for them.

        Args:
            tenant: Whose it is.
            request: What is going to be sent.
        """
        with write(self._engine) as connection:
            lock_tenant(connection, tenant)
            same = connection.execute(
                select(uploads).where(
                    uploads.c.tenant == tenant,
                    uploads.c.sha256 == request.sha256,
                    uploads.c.purpose == request.purpose,
                    uploads.c.bytes == request.bytes,
                    uploads.c.expires_at > now_ms(),
                )
            ).first()
            if same is not None:
                return _record(same), False
            file_id = _stored(connection, tenant, request)
            if file_id is None:
                check_room(connection, tenant, request.bytes, self._quotas)
            row = connection.execute(
                uploads.insert()
                .values(
                    tenant=tenant,
                    id=new_id("upload"),
                    purpose=request.purpose,
                    filename=request.filename,
                    bytes=request.bytes,
                    sha256=request.sha256,
                    received=0 if file_id is None else request.bytes,
                    file_id=file_id,
                    created_at=now_ms(),
                    expires_at=now_ms() + self._patience_ms,
                )
                .returning(uploads)
            ).one()
            return _record(row), True

    def get(self, tenant: str, upload_id: str) -> UploadRecord:
        """Returns one upload.

        Raises:
            UploadNotFound: If the tenant has no such upload.
        """
        with read(self._engine) as connection:
            row = connection.execute(
                select(uploads).where(*_live(tenant, upload_id))
            ).one_or_none()
        if row is None:
            raise UploadNotFound("There is no such upload.")
        return _record(row)

    def claim(self, tenant: str, upload_id: str, offset: int) -> Claim:
        """Returns the right to carry on from the offset; earlier claims end.

        `UploadNotFound` if the tenant has no such upload, `UploadOffsetConflict` if it
        stands elsewhere.
        """
        token = new_id("upload")
        with write(self._engine) as connection:
            row = connection.execute(
                update(uploads)
                .where(*_live(tenant, upload_id), uploads.c.received == offset)
                .values(writer=token, expires_at=now_ms() + self._patience_ms)
                .returning(uploads)
            ).one_or_none()
        if row is None:
            _refuse(self.get(tenant, upload_id))
        return Claim(upload=_record(row), token=token)

    def advance(self, claim: Claim, received: int) -> None:
        """Records that so many bytes are here.

        `UploadNotFound` if the upload is gone, `UploadOffsetConflict` if the claim has
        ended.
        """
        upload = claim.upload
        with write(self._engine) as connection:
            row = connection.execute(
                update(uploads)
                .where(
                    *_live(upload.tenant, upload.id), uploads.c.writer == claim.token
                )
                .values(received=received, expires_at=now_ms() + self._patience_ms)
                .returning(uploads.c.id)
            ).one_or_none()
        if row is None:
            _refuse(self.get(upload.tenant, upload.id))

    def finish(self, upload: UploadRecord, file_id: str) -> UploadRecord:
        """Returns the upload, whose bytes have become a file.

        Raises:
            UploadNotFound: If it is gone.
        """
        with write(self._engine) as connection:
            row = connection.execute(
                update(uploads)
                .where(*_live(upload.tenant, upload.id))
                .values(file_id=file_id, received=upload.bytes, writer=None)
                .returning(uploads)
            ).one_or_none()
        if row is None:
            raise UploadNotFound("There is no such upload.")
        return _record(row)

    def delete(self, upload: UploadRecord) -> None:
        """Forgets an upload."""
        with write(self._engine) as connection:
            connection.execute(
                delete(uploads).where(
                    uploads.c.tenant == upload.tenant, uploads.c.id == upload.id
                )
            )

    def abandoned(self, *, limit: int = 100) -> list[UploadRecord]:
        """Returns uploads of all tenants that have gone without a piece for too long.

        Args:
            limit: How many at most.
        """
        with read(self._engine) as connection:
            rows = connection.execute(
                select(uploads).where(uploads.c.expires_at <= now_ms()).limit(limit)
            ).all()
        return [_record(row) for row in rows]

    def list(
        self, tenant: str, *, limit: int, cursor: str | None = None
    ) -> tuple[list[UploadRecord], str | None]:
        """Returns a page of uploads, newest first, and the cursor of the next one.

        `BadCursor` if the cursor is not from here.
        """
        query = (
            select(uploads)
            .where(uploads.c.tenant == tenant, uploads.c.expires_at > now_ms())
            .order_by(uploads.c.id.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            query = query.where(uploads.c.id < cursors.decode("upload", cursor))
        with read(self._engine) as connection:
            records = [_record(row) for row in connection.execute(query)]
        return cursors.page(records, limit)


def _stored(connection: Connection, tenant: str, request: UploadRequest) -> str | None:
    """The tenant's file of these bytes, if there is one."""
    return connection.execute(
        select(files.c.id).where(
            files.c.tenant == tenant,
            files.c.sha256 == request.sha256,
            files.c.purpose == request.purpose,
            files.c.bytes == request.bytes,
        )
    ).scalar_one_or_none()


def _live(tenant: str, upload_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        uploads.c.tenant == tenant,
        uploads.c.id == upload_id,
        uploads.c.expires_at > now_ms(),
    )


def _refuse(upload: UploadRecord) -> NoReturn:
    raise UploadOffsetConflict(
        f"The upload stands at {upload.received}",
        headers={"Upload-Offset": str(upload.received)},
    )


def _record(row: AnyRow) -> UploadRecord:
    return UploadRecord(
        tenant=row.tenant,
        id=row.id,
        purpose=row.purpose,
        filename=row.filename,
        bytes=row.bytes,
        sha256=row.sha256,
        received=row.received,
        file_id=row.file_id,
        created_at=moment(row.created_at),
        expires_at=moment(row.expires_at),
    )
