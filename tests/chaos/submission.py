"""A client that submits jobs at a steady rate, whatever becomes of its requests."""

import threading
import time
from collections.abc import Sequence
from typing import final

import httpx

from tests.chaos.jobs import Kind
from tests.support.servers.stack import Stack

PAUSE_S = 0.2


@final
class Submission:
    """Submits jobs on a thread of its own.

    Attributes:
        sent: The id of each job so far, with its kind.
        repeated: Requests that had to be sent again.
        kinds: What is submitted, in turns.
    """

    def __init__(
        self, stack: Stack, kinds: Sequence[Kind], *, jobs: int, seconds: float
    ) -> None:
        self.sent: dict[str, Kind] = {}
        self.repeated = 0
        self._stack = stack
        self.kinds = kinds
        self._jobs = jobs
        self._interval = seconds / jobs
        self._thread = threading.Thread(target=self._submit_all, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def over(self) -> bool:
        """Whether all jobs have been accepted."""
        return not self._thread.is_alive()

    def _submit_all(self) -> None:
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self._stack.key}"}
        with httpx.Client(base_url=self._stack.url, headers=headers) as http:
            for number in range(self._jobs):
                time.sleep(max(0.0, began + number * self._interval - time.monotonic()))
                kind = self.kinds[number % len(self.kinds)]
                self.sent[self._submit(http, kind, f"chaos-{number}")] = kind

    def _submit(self, http: httpx.Client, kind: Kind, key: str) -> str:
        while True:
            try:
                answer = http.post(
                    "/v1/jobs", json=kind.body, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:
                pass
            else:
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    answer.raise_for_status()
                    return answer.json()["id"]
            self.repeated += 1
            time.sleep(PAUSE_S)
