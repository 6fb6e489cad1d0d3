"""A client in a process of its own: ``python -m benchmarks.uploads.sender``.

Reads what to do from standard input as JSON, and prints the seconds that it took and by
how much the process grew, in MiB.
"""

import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.uploads.memory import peak_mib
from service.client import Client

_PIECE_BYTES = 1024**2


def main() -> None:
    """Sends one file."""
    order: dict[str, Any] = json.load(sys.stdin)
    send = {"by hand": _by_hand, "generated": _generated}[order["client"]](order)
    before = peak_mib()
    began = time.perf_counter()
    send()
    json.dump(
        {"seconds": time.perf_counter() - began, "grown_mib": peak_mib() - before},
        sys.stdout,
    )


def _by_hand(order: dict[str, Any]) -> Callable[[], None]:
    def send() -> None:
        with Client(order["url"], order["key"]) as client:
            client.upload(Path(order["file"]), "weights")

    return send


def _generated(order: dict[str, Any]) -> Callable[[], None]:
    """The client that was generated into the folder `package`."""
    sys.path.insert(0, order["package"])
    root, create, append, models, types = (
        importlib.import_module(f"gradflat_client{name}")
        for name in (
            "",
            ".api.uploads.create_upload",
            ".api.uploads.append_upload",
            ".models",
            ".types",
        )
    )

    def send() -> None:
        path = Path(order["file"])
        with (
            root.AuthenticatedClient(base_url=order["url"], token=order["key"]) as api,
            path.open("rb") as file,
        ):
            announced = models.UploadRequest(
                purpose=models.UploadRequestPurpose.WEIGHTS,
                bytes_=path.stat().st_size,
                sha256=hashlib.file_digest(file, "sha256").hexdigest(),
            )
            upload = create.sync(client=api, body=announced)
            while upload.file is None:
                file.seek(upload.offset)
                rest = types.File(payload=iter(partial(file.read, _PIECE_BYTES), b""))
                upload = append.sync(
                    upload.id, client=api, body=rest, upload_offset=upload.offset
                )

    return send


if __name__ == "__main__":
    main()
