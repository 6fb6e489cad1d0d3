"""Uploading: a received file becomes a record of the tenant, once it is understood."""

from service.errors import DatasetInvalid, ServiceError, WeightsInvalid
from service.operations.receiving import ReceivedFile
from service.schemas.files import Purpose, StoredFile
from service.schemas.problem_details import FieldError
from service.stores.files.files import FileRecord, FileStore
from service.tensors.header import parse_header
from service.tensors.invalid import TensorsInvalid
from service.tensors.summaries import summarise

_INVALID: dict[Purpose, type[ServiceError]] = {
    "weights": WeightsInvalid,
    "dataset": DatasetInvalid,
}


def store_upload(
    files: FileStore,
    *,
    tenant: str,
    purpose: Purpose,
    filename: str,
    upload: ReceivedFile,
    upload_id: str | None = None,
) -> tuple[FileRecord, bool]:
    """Returns the record of a received file, and whether it is new.

    A file that is not acceptable raises `weights_invalid` or `dataset_invalid`.

    Args:
        files: Where it is kept.
        tenant: Whose it is.
        purpose: What it may be used for.
        filename: A label.
        upload: The bytes, which are moved from their place.
        upload_id: The resumable upload that it was, if it was one.
    """
    try:
        tensors = summarise(upload.path, parse_header(upload.path, purpose=purpose))
    except TensorsInvalid as error:
        pointer = "" if error.tensor is None else "/" + error.tensor.replace("/", "~1")
        finding = FieldError(pointer=pointer, code=error.reason, detail=error.detail)
        raise _INVALID[purpose](error.detail, errors=[finding]) from None
    return files.add(
        tenant=tenant,
        purpose=purpose,
        filename=filename,
        path=upload.path,
        size=upload.size,
        sha256=upload.sha256,
        tensors=tensors,
        upload_id=upload_id,
    )


def stored_file(record: FileRecord) -> StoredFile:
    """A file as its owner sees it."""
    return StoredFile(
        id=record.id,
        object="file",
        purpose=record.purpose,
        filename=record.filename,
        bytes=record.bytes,
        sha256=record.sha256,
        tensor_count=record.tensor_count,
        created_at=record.created_at,
    )
