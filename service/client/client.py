"""A small client of the HTTP interface, for the command line and for scripts."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final
from urllib.parse import quote

import httpx

from service.client.failures import Unreachable, check, reason
from service.client.sending import Sending
from service.schemas.events import Event, EventPage
from service.schemas.files import Purpose, StoredFile
from service.schemas.jobs import TERMINAL_STATES, Job
from service.schemas.reports import Report

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_CHUNK_BYTES = 1024 * 1024
_RECONNECT_S = 1.0


@final
class Client:
    """Requests to one server with one key.

    Args:
        url: Of the server, without ``/v1``.
        api_key: Secret of the key.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/v1",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def upload(
        self, path: Path, purpose: Purpose, *, patience_seconds: float = 120.0
    ) -> StoredFile:
        """Sends a file piece by piece, and carries on where a connection broke.

        A file that was sent in part before, by another process too, is sent from there
        on; one that the server has already is not sent.

        `Unreachable` or `Refused` if nothing more arrives for all that time, or the
        file is not acceptable.

        Args:
            path: A safetensors file.
            purpose: What it is for.
            patience_seconds: How long to try in vain.

        Returns:
            Its record; the same one if the server has these bytes already.
        """
        return Sending(self._request, path, purpose, patience_seconds).run()

    def create(self, request: Mapping[str, Any]) -> Job:
        """Creates a job and returns it as it stands."""
        return self._job(self._request("POST", "/jobs", json=request))

    def job(self, job_id: str) -> Job:
        """Returns a job as it stands."""
        return self._job(self._request("GET", f"/jobs/{quote(job_id, safe='')}"))

    def cancel(self, job_id: str) -> Job:
        """Asks a job to end, and returns it as it stands."""
        return self._job(
            self._request("POST", f"/jobs/{quote(job_id, safe='')}/cancel")
        )

    def wait(
        self,
        job_id: str,
        *,
        on_change: Callable[[Job], None] = lambda _: None,
        timeout: float | None = None,
        interval: float = 0.3,
    ) -> Job:
        """Asks for a job again and again.

        Args:
            job_id: Which.
            on_change: Called with every answer.
            timeout: Longest wait, in seconds.
            interval: Between two questions, in seconds.

        Returns:
            The job when it has ended.

        Raises:
            TimeoutError: If it has not.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            job = self.job(job_id)
            on_change(job)
            if job.state in TERMINAL_STATES:
                return job
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{job_id} is still {job.state}")
            time.sleep(interval)

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Yields a job's events as they happen, to the last.

        A connection that breaks is made again, and goes on after the last event.

        Args:
            job_id: Which.
            after: Sequence number of the last known event.
        """
        path = f"/jobs/{quote(job_id, safe='')}/events/stream"
        while True:
            headers = {"Last-Event-ID": str(after)}
            try:
                with self._http.stream("GET", path, headers=headers) as response:
                    if response.is_error:
                        response.read()
                    check(response)
                    for event in _events(response.iter_lines()):
                        after = event.sequence
                        yield event
            except httpx.TransportError:
                time.sleep(_RECONNECT_S)
            if self.job(job_id).finished_at is not None:
                yield from self.events(job_id, after=after)
                return

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Yields the events of a job that are there.

        Args:
            job_id: Which.
            after: Sequence number of the last known event.
        """
        path = f"/jobs/{quote(job_id, safe='')}/events"
        while True:
            answer = self._request("GET", path, params={"after": after, "limit": 1000})
            page = EventPage.model_validate_json(answer.content)
            if not page.items:
                return
            yield from page.items
            after = page.next_after

    def report(self, job_id: str) -> Report:
        """Returns a job's report."""
        return Report.model_validate_json(self.report_json(job_id))

    def report_json(self, job_id: str) -> bytes:
        """Returns a job's report as the server sends it."""
        path = f"/jobs/{quote(job_id, safe='')}/report"
        return self._request("GET", path).content

    def download(self, job_id: str, name: str, path: Path) -> None:
        """Writes an artifact to a file, piece by piece."""
        url = f"/jobs/{quote(job_id, safe='')}/artifacts/{quote(name, safe='')}"
        try:
            with self._http.stream("GET", url) as response:
                if response.is_error:
                    response.read()
                check(response)
                with path.open("wb") as file:
                    for piece in response.iter_bytes(_CHUNK_BYTES):
                        file.write(piece)
        except httpx.HTTPError as error:
            raise Unreachable(reason(error, self._http.base_url)) from error

    def _job(self, response: httpx.Response) -> Job:
        return Job.model_validate_json(response.content)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Unreachable(reason(error, self._http.base_url)) from error
        check(response)
        return response


def _events(lines: Iterator[str]) -> Iterator[Event]:
    for line in lines:
        if line.startswith("data: "):
            yield Event.model_validate_json(line.removeprefix("data: "))
