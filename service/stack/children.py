"""Child processes that are started again when they die, and never outlive us."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

_log = logging.getLogger(__name__)
_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 10.0
_STABLE_S = 30.0
"""A child that lived this long starts again without delay."""


@final
class Child:
    """One command, kept running in a session of its own.

    Attributes:
        name: Names its log.
        log: File of what it prints.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        folder: Path,
        inherited: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._folder = folder
        self._inherited = inherited
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._delay = 0.0
        self._due = 0.0

    @property
    def pid(self) -> int:
        """Its process id, 0 while it does not run."""
        return self._process.pid if self._process else 0

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it, tied to the life of the calling thread."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                [
                    *(sys.executable, "-P", "-m", "service.lifelines"),
                    *(str(os.getpid()), *self._command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
                pass_fds=self._inherited,
                start_new_session=True,
            )
        self._started_at = time.monotonic()

    def tend(self) -> None:
        """Starts it again if it died, later each time it does so soon."""
        now = time.monotonic()
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._signal(signal.SIGKILL)
            self._process = None
            stable = now - self._started_at > _STABLE_S
            self._delay = 0.0 if stable else self._next_delay()
            self._due = now + self._delay
            _log.warning("%s ended with status %d", self.name, status)
        if now >= self._due:
            self.start()

    def terminate(self) -> None:
        """Asks it to end."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """Waits until it has ended; kills its group at the deadline.

        Args:
            deadline: On the monotonic clock.
        """
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _next_delay(self) -> float:
        return min(max(_FIRST_DELAY_S, 2 * self._delay), _LONGEST_DELAY_S)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
