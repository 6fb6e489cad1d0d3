"""Sending a file so that it arrives, whatever happens to the connection.

The file is announced with its length and digest. The same announcement made again tells
how far the server has come with it, so that any failure is answered by starting over
from there.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import final

import httpx

from service.client.failures import Refused, Unreachable
from service.schemas.files import Purpose, StoredFile
from service.schemas.uploads import Upload

_PIECE_BYTES = 1 << 20
_PASSING = {
    "request_timed_out",
    "upload_offset_conflict",
    "rate_limited",
    "service_unavailable",
}
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


@final
class Sending:
    """One file on its way.

    Args:
        request: Makes a request, given method, path and options of httpx; raises
            `Refused` and `Unreachable`.
        path: The file.
        purpose: What it is for.
        patience_seconds: How long to try without any byte arriving.
    """

    def __init__(
        self,
        request: Callable[..., httpx.Response],
        path: Path,
        purpose: Purpose,
        patience_seconds: float,
    ) -> None:
        self._request = request
        self._path = path
        self._patience_seconds = patience_seconds
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._announcement = {
            "purpose": purpose,
            "filename": path.name,
            "bytes": path.stat().st_size,
            "sha256": digest,
        }
        self._offset = -1
        self._pause_s = _FIRST_PAUSE_S
        self._give_up_at = time.monotonic() + patience_seconds

    def run(self) -> StoredFile:
        """Returns the record of the file when all of it has arrived.

        Raises:
            Refused: If the server does not want it.
            Unreachable: If nothing arrives for too long.
        """
        while True:
            try:
                upload = self._announce()
                if upload.file is None:
                    upload = self._send(upload)
                if upload.file is not None:
                    return upload.file
            except (Refused, Unreachable) as error:
                if not _passes(error) or time.monotonic() > self._give_up_at:
                    raise
                time.sleep(self._pause_s)
                self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _announce(self) -> Upload:
        response = self._request("POST", "/uploads", json=self._announcement)
        upload = Upload.model_validate_json(response.content)
        if upload.offset > self._offset:
            self._offset = upload.offset
            self._pause_s = _FIRST_PAUSE_S
            self._give_up_at = time.monotonic() + self._patience_seconds
        return upload

    def _send(self, upload: Upload) -> Upload:
        response = self._request(
            "PATCH",
            f"/uploads/{upload.id}",
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(upload.bytes - upload.offset),
                "Upload-Offset": str(upload.offset),
            },
            content=_pieces(self._path, upload.offset),
        )
        return Upload.model_validate_json(response.content)


def _pieces(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _passes(error: Refused | Unreachable) -> bool:
    """Whether it is worth trying again."""
    return isinstance(error, Unreachable) or error.problem.code in _PASSING
