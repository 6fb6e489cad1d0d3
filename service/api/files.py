"""Files: upload, look at, delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.api.paging import Cursor, Limit
from service.dependencies import (
    FileIdDep,
    FileReader,
    FileStoreDep,
    FileWriter,
    ResourcesDep,
)
from service.http import digests, raw_bodies
from service.operations.receiving import received
from service.operations.uploads import store_upload, stored_file
from service.problems.documentation import problems
from service.schemas.files import FilePage, Purpose, StoredFile, TensorList

router = APIRouter(prefix="/files", tags=["files"], responses=problems())

Filename = Annotated[
    str,
    Query(
        min_length=1,
        max_length=255,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="A label; never used as a path.",
    ),
]
_UPLOADED: dict[int | str, dict[str, Any]] = {
    200: {"model": StoredFile, "description": "The same bytes were there already"},
    **problems(408, 409, 411, 413, 415),
}


@router.post(
    "", status_code=201, responses=_UPLOADED, openapi_extra=raw_bodies.DOCUMENTATION
)
async def upload_file(
    *,
    request: Request,
    response: Response,
    principal: FileWriter,
    resources: ResourcesDep,
    _: Annotated[None, Depends(raw_bodies.expected)],
    purpose: Purpose,
    filename: Filename = "upload.safetensors",
    content_digest: digests.ContentDigest = None,
) -> StoredFile:
    """Uploads weights or a data set in the safetensors format, as the raw body.

    Bytes that are there already for this purpose give the existing file.
    """
    limit = resources.settings.upload_limit_bytes
    body = raw_bodies.chunks(request, limit=limit)
    folder = resources.stores.blobs.scratch()
    async with received(body, folder=folder, limit=limit) as upload:
        digests.check(content_digest, upload.sha256)
        record, created = await run_in_threadpool(
            store_upload,
            resources.stores.files,
            tenant=principal.tenant,
            purpose=purpose,
            filename=filename,
            upload=upload,
        )
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/v1/files/{record.id}"
    return stored_file(record)


@router.get("")
def list_files(
    *,
    principal: FileReader,
    files: FileStoreDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FilePage:
    """Returns a page of files, newest first."""
    records, following = files.list(principal.tenant, limit=limit, cursor=cursor)
    return FilePage(items=[stored_file(it) for it in records], next_cursor=following)


@router.get("/{file_id}", responses=problems(404))
def get_file(
    *, principal: FileReader, file_id: FileIdDep, files: FileStoreDep
) -> StoredFile:
    """Returns one file's record."""
    return stored_file(files.get(principal.tenant, file_id))


@router.delete("/{file_id}", status_code=204, responses=problems(404, 409))
def delete_file(
    *, principal: FileWriter, file_id: FileIdDep, files: FileStoreDep
) -> None:
    """Deletes a file that no unfinished job needs."""
    files.delete(principal.tenant, file_id)


@router.get("/{file_id}/tensors", responses=problems(404))
def list_file_tensors(
    *, principal: FileReader, file_id: FileIdDep, files: FileStoreDep
) -> TensorList:
    """Returns the tensors in a file, by name."""
    return TensorList(items=files.tensors(principal.tenant, file_id))
