"""A proxy that breaks connections."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

_CHUNK = 1 << 16


@contextmanager
def cutting_proxy(
    port: int,
    *,
    after_bytes: int,
    cuts: int,
    on_cut: Callable[[], object],
    of_answers: bool = False,
) -> Generator[int]:
    """The port of a proxy in front of another one.

    Args:
        port: Where it passes everything on to.
        after_bytes: What may be sent on a connection that is to be broken.
        cuts: How many connections are broken before others may last.
        on_cut: Called when one is.
        of_answers: Whether it counts what the server sends, instead of the client.
    """
    left = cuts

    def forward(client: socket.socket) -> None:
        nonlocal left
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            source, target = (server, client) if of_answers else (client, server)
            back = threading.Thread(target=_copy, args=(target, source, None))
            back.start()
            if _copy(source, target, after_bytes if left else None):
                left -= 1
                on_cut()
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threads.append(threading.Thread(target=forward, args=(client,)))
                    threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


def _copy(source: socket.socket, target: socket.socket, limit: int | None) -> bool:
    """Copies until one end is closed; whether the limit was reached before."""
    copied = 0
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
            copied += len(data)
            if limit is not None and copied >= limit:
                return True
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    return False
