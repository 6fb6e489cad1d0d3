"""What a stack must have to itself: its folder and its port."""

import errno
import fcntl
import os
import socket
from pathlib import Path


class StackFailed(Exception):
    """It does not start; the message says why."""


def lock(path: Path) -> int:
    """Locks a file for as long as this process lives.

    Args:
        path: The file; its folder is made if there is none.

    Returns:
        Its descriptor.

    Raises:
        StackFailed: If another process holds it, or the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StackFailed(f"cannot write to {path.parent}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StackFailed(f"another gradflat runs on {path.parent}") from None
    return lock


def listen(host: str, port: int) -> socket.socket:
    """Opens the socket that the API is going to serve.

    Clients that come while the API starts (again) wait instead of being refused.

    Args:
        host: Name or address.
        port: Port; 0 is any.

    Returns:
        The listening socket.

    Raises:
        StackFailed: If it cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "something else listens there" if taken else str(error)
        raise StackFailed(f"cannot listen on {host} port {port}: {reason}") from None
    return listener


def reachable(host: str) -> str:
    """Returns the address, as part of a URL, at which a listener can be reached."""
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
