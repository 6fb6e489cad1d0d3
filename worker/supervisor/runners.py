"""Runner processes as their supervisor sees them, and the spare that is kept warm."""

import contextlib
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast, final

from service.schemas.environment import Environment
from service.settings import Settings
from worker.protocol import LINE_LIMIT, REPLY, Command, Limits, Ready, Reply
from worker.supervisor.scratch import Scratch

RUNNER_COMMAND = (sys.executable, "-P", "-m", "worker.runner")
SPARE_DELAY_S = 1.0
START_LIMIT_S = 50.0
_READ_BYTES = 65_536
_PASSED_ON = (
    "PATH",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
)
_EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")
"""What instrumentation on the path would send telemetry with; a runner sends none."""


class RunnerEnded(Exception):
    """The runner's end of the pipe is closed, or what it says makes no sense."""


@final
class Runner:
    """A runner in its own session, with its own folder and next to no environment.

    Attributes:
        folder: Its working directory, removed by `close`.
        pid: Its process id, which is also its group's.
    """

    def __init__(
        self, folder: Path, settings: Settings, command: Sequence[str] = RUNNER_COMMAND
    ) -> None:
        limits = Limits(
            parent=os.getpid(),
            memory_bytes=settings.runner_memory_bytes,
            files=settings.runner_files,
            processes=settings.runner_processes,
            device=settings.device,
        )
        self.folder = folder
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, limits.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env=_environment(folder, settings),
            start_new_session=True,
        )
        self._commands = cast("IO[bytes]", self._process.stdin)
        self._replies = cast("IO[bytes]", self._process.stdout)
        self.pid = self._process.pid
        self._pending = b""

    def send(self, command: Command) -> None:
        """Writes one line; a runner that is gone shows when its replies are read."""
        with contextlib.suppress(BrokenPipeError):
            self._commands.write(command.model_dump_json().encode() + b"\n")
            self._commands.flush()

    def replies(self, timeout: float) -> Iterator[Reply]:
        """Yields what has been said, after waiting for something to be said.

        Args:
            timeout: Longest wait, in seconds.

        Yields:
            Replies, in order.

        Raises:
            RunnerEnded: If it is gone, or says what it should not.
        """
        if not select.select([self._replies], [], [], timeout)[0]:
            return
        received = os.read(self._replies.fileno(), _READ_BYTES)
        if not received:
            raise RunnerEnded
        *lines, self._pending = (self._pending + received).split(b"\n")
        if len(self._pending) > LINE_LIMIT:
            raise RunnerEnded
        for line in lines:
            try:
                reply = REPLY.validate_json(line)
            except ValueError as error:
                raise RunnerEnded from error
            yield reply

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def resident_bytes(self) -> int:
        """Returns the memory that it takes; 0 where that cannot be known."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except OSError:
            return 0
        return int(pages) * resource.getpagesize()

    def terminate(self) -> None:
        """Sends SIGTERM to the whole group."""
        self._signal(signal.SIGTERM)

    def kill(self, patience: float = 0.0) -> int:
        """Kills the whole group.

        Args:
            patience: Seconds in which it may still end on its own.

        Returns:
            The exit status, or minus the number of the signal that ended it.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._signal(signal.SIGKILL)
        return self._process.wait()

    def close(self) -> None:
        """Kills it and removes its folder."""
        self.kill()
        for stream in (self._commands, self._replies):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


@final
class Spares:
    """Keeps one runner with everything imported, so that a small job starts at once."""

    def __init__(
        self,
        scratch: Scratch,
        settings: Settings,
        command: Sequence[str] = RUNNER_COMMAND,
    ) -> None:
        self._scratch = scratch
        self._settings = settings
        self._command = command
        self._spare: Runner | None = None
        self._due = 0.0
        self.replenish()

    def take(self) -> Runner:
        """Returns the spare, or a new runner if there is none."""
        spare, self._spare = self._spare, None
        self._due = time.monotonic() + SPARE_DELAY_S
        if spare is not None and spare.alive():
            return spare
        if spare is not None:
            spare.close()
        return self._start()

    def environment(self) -> Environment:
        """Waits until the spare is ready.

        Returns:
            What it computes with.

        Raises:
            RunnerEnded: If it does not become ready.
        """
        runner = self.take()
        self._spare = runner
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            for reply in runner.replies(deadline - time.monotonic()):
                if isinstance(reply, Ready):
                    return reply.environment
        raise RunnerEnded

    def replenish(self, *, now: bool = False) -> None:
        """Starts the next spare, once a short run no longer needs the processor."""
        if self._spare is None and (now or time.monotonic() >= self._due):
            self._spare = self._start()

    def close(self) -> None:
        """Ends the spare."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    def _start(self) -> Runner:
        return Runner(self._scratch.folder(), self._settings, self._command)


def _environment(folder: Path, settings: Settings) -> dict[str, str]:
    threads = settings.runner_threads or len(os.sched_getaffinity(0))
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **passed_on,
        **dict.fromkeys(_EXPORTERS, "none"),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",  # spinning takes the cores from all others
        "MKL_NUM_THREADS": str(threads),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # the same sums each time, on a GPU
    }
