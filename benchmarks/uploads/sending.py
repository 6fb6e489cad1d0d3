"""The benchmark of uploads."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import Result, Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.stopwatch import alone
from benchmarks.uploads.server import Server, server

_MIB = 1024**2
_MEBIBYTES = {"full": 2047, "quick": 256, "tiny": 4}
_DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.json"
_FLAT_MIB = 32.0


def run(settings: Settings) -> Result:
    """One file hashed and written, then sent by both clients to a server of its own."""
    size = _MEBIBYTES[settings.scale]
    rows: list[Row] = []
    with alone(settings), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = _file(folder / "weights.safetensors", size)
        package = _generate(folder)
        for client in ("by hand", "generated"):
            plain = _plain(file, folder / "copy")
            with server(folder / client) as api:
                rows.append(_row(client, api, file, package, size, plain))
    return Result(
        name="uploads",
        title=f"{size:,} MiB to a server on the same machine",
        tables=[Table(title="Sending against hashing and writing", rows=rows)],
        targets=[
            Target(
                name=f"memory of {process}, {row['client']}, MiB",
                wanted=_FLAT_MIB,
                measured=float(row[f"{process}_grown_mib"] or 0.0),
                at_most=True,
            )
            for row in rows
            for process in ("api", "client")
        ],
        notes=[
            "hash and write: SHA-256, written and synchronised, by one process",
            "the client hashes first; the API writes, hashes and looks through them",
        ],
        series={},
    )


def _row(  # noqa: PLR0917 - of one measurement
    client: str, api: Server, file: Path, package: Path, size: int, plain: float
) -> Row:
    before = api.peak_mib
    sent = _send(
        {
            "client": client,
            "url": api.url,
            "key": api.key,
            "file": str(file),
            "package": str(package),
        }
    )
    return {
        "client": client,
        "hash_and_write_s": plain,
        "send_s": sent["seconds"],
        "send_mib_per_s": size / sent["seconds"],
        "ratio": sent["seconds"] / plain,
        "api_grown_mib": api.peak_mib - before,
        "client_grown_mib": sent["grown_mib"],
    }


def _send(order: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.uploads.sender"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _plain(source: Path, target: Path) -> float:
    """Seconds to hash a file and to write it elsewhere."""
    began = time.perf_counter()
    digest = hashlib.sha256()
    with source.open("rb") as file, target.open("wb") as copy:
        while piece := file.read(_MIB):
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


def _file(path: Path, mebibytes: int) -> Path:
    """A safetensors file of one tensor of random numbers."""
    count = mebibytes * _MIB // 8
    header = json.dumps(
        {"w": {"dtype": "F64", "shape": [count], "data_offsets": [0, 8 * count]}}
    ).encode()
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _ in range(mebibytes):
            file.write(random.standard_normal(_MIB // 8).tobytes())
    return path


def _generate(folder: Path) -> Path:
    """The folder of a client generated from the committed document."""
    tools = Path(sys.executable).parent
    subprocess.run(
        [
            *(tools / "openapi-python-client", "generate", "--fail-on-warning"),
            *("--path", _DOCUMENT, "--output-path", folder / "client"),
        ],
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        check=True,
    )
    return folder / "client"
