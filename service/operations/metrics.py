"""What is measured: requests of this process, and the state of the deployment."""

import resource
import sys
from collections import Counter
from pathlib import Path
from typing import final

from service.operations.exposition import Exposition, Histogram
from service.stores.bundle import Stores
from service.stores.census import Census, take_census
from service.stores.jobs.leases import refusals
from service.stores.sql.counters import totals

_BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

_Labels = tuple[tuple[str, str], ...]


@final
class RequestMetrics:
    """Answers of one API process; used on its event loop alone."""

    def __init__(self) -> None:
        self._answers: Counter[_Labels] = Counter()
        self._seconds: dict[_Labels, Histogram] = {}

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Counts an answer.

        Args:
            operation: Its operation id.
            status: Its status.
            seconds: Until the answer began.
        """
        name = ("operation", operation)
        self._answers[name, ("status", str(status))] += 1
        histogram = self._seconds.setdefault((name,), Histogram(len(_BOUNDS)))
        histogram.observe(seconds, _BOUNDS)

    def describe(self, page: Exposition) -> None:
        """Adds what was counted."""
        page.add(
            "gradflat_http_requests_total",
            "counter",
            "Answers by operation and status.",
            [(dict(labels), number) for labels, number in self._answers.items()],
        )
        page.add_histogram(
            "gradflat_http_request_seconds",
            "Time until an answer begins.",
            _BOUNDS,
            self._seconds,
        )


def metrics(stores: Stores, requests: RequestMetrics) -> str:
    """Returns everything that is measured, as a page for Prometheus."""
    page = Exposition()
    requests.describe(page)
    _describe_process(page)
    _describe_queue(page, take_census(stores.engine))
    _describe_work(page, stores)
    return page.text()


def _describe_process(page: Exposition) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    page.add(
        "process_cpu_seconds_total",
        "counter",
        "Processor time of this API process.",
        [({}, usage.ru_utime + usage.ru_stime)],
    )
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        page.add(
            "process_resident_memory_bytes",
            "gauge",
            "Memory of this API process.",
            [({}, pages * resource.getpagesize())],
        )


def _describe_queue(page: Exposition, census: Census) -> None:
    page.add(
        "gradflat_jobs",
        "gauge",
        "Jobs by state.",
        [({"state": state}, number) for state, number in census.jobs.items()],
    )
    page.add(
        "gradflat_shards",
        "gauge",
        "Shards by state; each running one is leased.",
        [({"state": state}, number) for state, number in census.shards.items()],
    )
    page.add(
        "gradflat_queue_jobs",
        "gauge",
        "Queued jobs by priority.",
        [({"priority": name}, it.jobs) for name, it in census.waiting.items()],
    )
    page.add(
        "gradflat_queue_oldest_seconds",
        "gauge",
        "Age of the oldest queued job by priority.",
        [
            ({"priority": name}, it.oldest_seconds)
            for name, it in census.waiting.items()
        ],
    )
    page.add(
        "gradflat_leases_overdue",
        "gauge",
        "Leases whose time is up.",
        [({}, census.overdue_leases)],
    )
    page.add(
        "gradflat_lease_silence_seconds",
        "gauge",
        "Longest time since a lease was renewed.",
        [({}, census.silence_seconds)],
    )


def _describe_work(page: Exposition, stores: Stores) -> None:
    counted = totals(stores.engine)
    page.add(
        "gradflat_attempts_total",
        "counter",
        "Attempts at shards: those begun, and how they ended.",
        [({"event": name}, it) for name, it in counted["attempts"].items()],
    )
    page.add(
        "gradflat_jobs_ended_total",
        "counter",
        "Ended jobs by state.",
        [({"state": name}, it) for name, it in counted["jobs_ended"].items()],
    )
    page.add(
        "gradflat_device_seconds_total",
        "counter",
        "Time for which shards have held workers.",
        [({}, it / 1000) for it in counted["device_milliseconds"].values()],
    )
    page.add(
        "gradflat_fenced_writes_total",
        "counter",
        "Writes refused because their lease was lost, by operation.",
        [({"operation": it}, n) for it, n in refusals(stores.engine).items()],
    )
    live = Counter(worker.device for worker in stores.workers.live())
    page.add(
        "gradflat_workers",
        "gauge",
        "Workers that have reported within a minute, by device.",
        [({"device": device}, number) for device, number in live.items()],
    )
    page.add(
        "gradflat_runner_resident_memory_bytes",
        "gauge",
        "Memory of the runner at work, by worker.",
        [
            ({"worker": worker.id}, worker.runner_bytes)
            for worker in stores.workers.live()
        ],
    )
