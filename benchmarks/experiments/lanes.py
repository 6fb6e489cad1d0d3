"""Whole stacks, each with one worker on one thread, that share the experiments."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from benchmarks.experiments.plan import Experiment
from service import connection
from service.client import Client

_GRADFLAT = (sys.executable, "-m", "service.cli")
_ONE_THREAD = {"GRADFLAT_RUNNER_THREADS": "1", "OMP_NUM_THREADS": "1"}
_INTERVAL_S = 1.0
_END_S = 30.0


def run_all(experiments: Iterable[Experiment], folder: Path, *, lanes: int) -> None:
    """Runs the experiments that have no report yet, so many at a time.

    Args:
        experiments: In the order in which they are begun.
        folder: Where reports and the stacks' own folders lie.
        lanes: Number of stacks.
    """
    waiting: queue.SimpleQueue[Experiment] = queue.SimpleQueue()
    for experiment in experiments:
        if not report_path(folder, experiment).exists():
            waiting.put(experiment)
    threads = [
        threading.Thread(target=_work, args=(waiting, folder, number))
        for number in range(min(lanes, waiting.qsize()))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def report_path(folder: Path, experiment: Experiment) -> Path:
    """Where the report of an experiment lies."""
    return folder / f"{experiment.name}.json"


def _work(waiting: "queue.SimpleQueue[Experiment]", folder: Path, number: int) -> None:
    with _running_stack(folder / f"lane{number}") as client:
        while True:
            try:
                experiment = waiting.get_nowait()
            except queue.Empty:
                return
            _run(client, experiment, folder)


def _run(client: Client, experiment: Experiment, folder: Path) -> None:
    began = time.monotonic()
    job = client.create(experiment.body())
    print(f"{experiment.name}: {job.id}", flush=True)
    ended = client.wait(job.id, interval=_INTERVAL_S)
    took = f"{experiment.name}: {ended.state} after {time.monotonic() - began:.0f} s"
    if ended.result is None:
        print(took, ended.error, flush=True)
        return
    path = report_path(folder, experiment)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(client.report_json(job.id))
    unfinished.replace(path)
    print(took, ended.result.counts, flush=True)


@contextmanager
def _running_stack(data_dir: Path) -> Generator[Client]:
    """A client of a stack that is ready; afterwards it has ended."""
    # However this process ends, so does the stack.
    command = [sys.executable, "-m", "service.lifelines", str(os.getpid())]
    command += [*_GRADFLAT, "up", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, **_ONE_THREAD}
    ) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError(f"gradflat did not start; see {data_dir}/logs")
            found = connection.read(data_dir)
            if found is None:
                raise RuntimeError(f"gradflat is not ready on {data_dir}")
            with Client(found.url, found.api_key) as client:
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=_END_S)
