"""Resumable uploads: begun, received piece by piece, and made a file at the end."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import final

from service.errors import (
    ChecksumMismatch,
    DatasetInvalid,
    FileTooLarge,
    UploadOffsetConflict,
    WeightsInvalid,
)
from service.operations.pieces import Pieces
from service.operations.receiving import ReceivedFile
from service.operations.uploads import store_upload, stored_file
from service.schemas.uploads import Upload, UploadRequest
from service.stores.blobs.drafts import Drafts
from service.stores.files.files import FileStore
from service.stores.files.uploads import Claim, UploadRecord, UploadStore


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ResumableUploads:
    """The life of an upload."""

    records: UploadStore
    files: FileStore
    drafts: Drafts
    limit_bytes: int

    def begin(self, tenant: str, request: UploadRequest) -> tuple[UploadRecord, bool]:
        """Returns the upload of these bytes, and whether it is new.

        `QuotaExceeded` if there would be no room for them.

        Raises:
            FileTooLarge: If they are too many.
        """
        if request.bytes > self.limit_bytes:
            raise FileTooLarge(f"Files have {self.limit_bytes} bytes at most")
        return self.records.create(tenant, request)

    def pieces(self, claim: Claim, *, digested: bool) -> Pieces:
        """Returns what takes the bytes that follow.

        Args:
            claim: The right to carry on.
            digested: Whether they have a digest to be compared before any counts.
        """
        return Pieces(self.records, self.drafts, claim, digested=digested)

    def settle(self, claim: Claim, pieces: Pieces) -> UploadRecord:
        """Makes what came count, and a file of it if it is complete.

        `UploadOffsetConflict` if another claim was made.

        Args:
            claim: The right to carry on.
            pieces: What came.

        Returns:
            The upload as it stands.

        Raises:
            ChecksumMismatch: If the file has another digest; the upload is gone then.
            WeightsInvalid: Likewise.
            DatasetInvalid: Likewise.
        """
        upload = claim.upload
        if upload.file_id is not None:
            return upload
        pieces.count()
        if pieces.end < upload.bytes:
            return self.records.get(upload.tenant, upload.id)
        try:
            finished = self._finish(upload)
        except (ChecksumMismatch, WeightsInvalid, DatasetInvalid):
            self.delete(upload)
            raise
        self.drafts.discard(upload.key)
        return finished

    def delete(self, upload: UploadRecord) -> None:
        """Forgets an upload; a file that it became stays."""
        self.records.delete(upload)
        self.drafts.discard(upload.key)

    def present(self, upload: UploadRecord) -> Upload:
        """An upload as its owner sees it."""
        file = upload.file_id and self.files.get(upload.tenant, upload.file_id)
        return Upload(
            id=upload.id,
            object="upload",
            purpose=upload.purpose,
            filename=upload.filename,
            bytes=upload.bytes,
            sha256=upload.sha256,
            offset=upload.received,
            file=stored_file(file) if file else None,
            created_at=upload.created_at,
            expires_at=upload.expires_at,
        )

    def _finish(self, upload: UploadRecord) -> UploadRecord:
        try:
            path = self.drafts.collect(upload.key, upload.bytes)
        except KeyError:
            raise UploadOffsetConflict("The upload was just completed") from None
        try:
            if _sha256(path) != upload.sha256:
                raise ChecksumMismatch("The file does not have the announced digest")
            file, _ = store_upload(
                self.files,
                tenant=upload.tenant,
                purpose=upload.purpose,
                filename=upload.filename,
                upload=ReceivedFile(path=path, size=upload.bytes, sha256=upload.sha256),
                upload_id=upload.id,
            )
        finally:
            path.unlink(missing_ok=True)
        return self.records.finish(upload, file.id)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
