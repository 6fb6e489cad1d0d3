"""A real S3-compatible server, on a folder and ports of its own."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import final

import httpx

from service.stores.blobs.s3.bucket import Bucket
from service.stores.blobs.s3.signatures import Credentials, signed_headers
from tests.support.servers.ports import free_port
from tests.support.servers.waiting import until

_ROLES = ("master", "volume", "filer", "s3")


@final
@dataclass(frozen=True)
class ObjectStore:
    """A running server.

    Attributes:
        endpoint: Its URL.
        credentials: Of one who may do everything.
    """

    endpoint: str
    credentials: Credentials

    def new_bucket(self, name: str) -> Bucket:
        """An empty bucket."""
        self._put(f"/{name}").raise_for_status()
        return Bucket(self.endpoint, name, self.credentials)

    def settings(self, bucket: str) -> dict[str, str]:
        """Settings of a deployment that keeps its blobs in a bucket."""
        return {
            "s3_endpoint": self.endpoint,
            "s3_bucket": bucket,
            "s3_access_key": self.credentials.access_key,
            "s3_secret_key": self.credentials.secret_key,
        }

    def is_ready(self) -> bool:
        """Whether it takes buckets and, once it has room for them, objects."""
        try:
            return all(
                self._put(path, content).is_success
                for path, content in (("/ready", b""), ("/ready/object", bytes(4096)))
            )
        except httpx.TransportError:
            return False

    def _put(self, path: str, content: bytes = b"") -> httpx.Response:
        headers = signed_headers(
            self.credentials,
            method="PUT",
            path=path,
            query="",
            headers={"host": self.endpoint.removeprefix("http://")},
            payload_sha256=hashlib.sha256(content).hexdigest(),
            now=datetime.now(UTC),
        )
        return httpx.put(self.endpoint + path, headers=headers, content=content)


@contextmanager
def object_store(folder: Path) -> Generator[ObjectStore]:
    """A server that is ready; it ends with the block."""
    credentials = Credentials(
        access_key="access", secret_key=token_hex(16), region="us-east-1"
    )
    configuration = folder / "s3.json"
    configuration.write_text(json.dumps(_identities(credentials)))
    ports = {role: free_port() for role in _ROLES}
    listening = [
        argument
        for role, port in ports.items()
        for argument in (f"-{role}.port={port}", f"-{role}.port.grpc={free_port()}")
    ]
    process = subprocess.Popen(
        [
            *(Path(sys.executable).with_name("weed"), "server", "-s3", "-filer"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"),
            *(f"-s3.config={configuration}", "-volume.max=10", *listening),
            *("-master.volumeSizeLimitMB=64", "-s3.port.iceberg=0"),
            "-s3.port.lance=0",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    store = ObjectStore(f"http://127.0.0.1:{ports['s3']}", credentials)
    try:
        until(store.is_ready, what="the object store", seconds=90.0)
        yield store
    finally:
        process.kill()
        process.wait()


def _identities(credentials: Credentials) -> dict[str, object]:
    key = {
        "accessKey": credentials.access_key,
        "secretKey": credentials.secret_key,
    }
    actions = ["Admin", "Read", "Write", "List"]
    return {"identities": [{"name": "tests", "credentials": [key], "actions": actions}]}
