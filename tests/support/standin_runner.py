"""A runner with a computation that behaves as its seed says, for tests of supervision.

``python -m tests.support.standin_runner LIMITS``, as the real one.
"""

import ctypes
import enum
import os
import signal
import sys
import time
from pathlib import Path

from pydantic import TypeAdapter

from service.schemas.environment import Environment
from service.schemas.reports import Point
from tests.support.reports import point_of, report_of
from worker.errors import Drained, RunError
from worker.protocol import Assemble, Limits, RunShard
from worker.runner.channel import Channel
from worker.runner.limits import impose
from worker.runner.observer import ChannelObserver
from worker.runner.serve import serve

CHECKPOINT = "checkpoint.safetensors"
POINTS: TypeAdapter[list[Point]] = TypeAdapter(list[Point])


class Behaviour(enum.IntEnum):
    """What the seed of a job asks for."""

    SUCCEED = 0
    COUNT_FOR_EVER = 1
    """Counts, and keeps the count in its checkpoint, until it is told to stop."""
    REFUSE = 2
    RAISE = 3
    EXHAUST_MEMORY = 4
    CRASH = 5
    CHATTER = 6
    """Prints from Python and from C, then succeeds."""
    IGNORE_EVERYTHING = 7
    LIE = 8
    """Leaves points of other starts."""
    GARBLE = 9
    """Leaves points that are not JSON."""
    EXIT = 10
    DIE_ONCE = 11
    """Is killed in its first attempt, and succeeds if it finds its checkpoint."""
    IGNORE_LATER = 12
    """The first shard succeeds, the others ignore everything."""


class Standin:
    """Computes nothing."""

    def environment(self) -> Environment:
        return Environment(
            gradflat="0", torch="none", python="3", device="cpu", threads=1
        )

    def run_shard(self, command: RunShard, observer: ChannelObserver) -> None:
        observer.phase("searching")
        behaviour = Behaviour(command.specification.seed)
        behave(behaviour, command, observer)
        first = command.first + (behaviour is Behaviour.LIE)
        starts = range(first, first + command.count)
        points = [point_of(start, "critical") for start in starts]
        for each in points:
            observer.point(each)
        text = POINTS.dump_json(points)
        if behaviour is Behaviour.GARBLE:
            text = text[:-1]
        (command.folder / "points.json").write_bytes(text)

    def assemble(self, command: Assemble) -> None:
        points = [
            each
            for folder in command.shard_folders
            for each in POINTS.validate_json((folder / "points.json").read_bytes())
        ]
        report = report_of(
            command.job_id,
            command.specification,
            points,
            environment=self.environment(),
            at=command.started_at,
        )
        (command.folder / "report.json").write_text(report.model_dump_json())


def behave(behaviour: Behaviour, command: RunShard, observer: ChannelObserver) -> None:
    checkpoint = command.folder / CHECKPOINT
    match behaviour:
        case Behaviour.COUNT_FOR_EVER:
            count_up(checkpoint, observer)
        case Behaviour.IGNORE_LATER if command.first == 0:
            pass
        case Behaviour.IGNORE_EVERYTHING | Behaviour.IGNORE_LATER:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                observer.progress(1, 2, "iterations")
                time.sleep(0.02)
        case Behaviour.DIE_ONCE:
            if not checkpoint.exists():
                save(checkpoint, 1)
                observer.checkpointed(checkpoint)
                observer.progress(1, 2, "iterations")
                time.sleep(0.5)
                os.kill(os.getpid(), signal.SIGKILL)
        case _:
            misbehave(behaviour)


def misbehave(behaviour: Behaviour) -> None:
    match behaviour:
        case Behaviour.REFUSE:
            raise RunError("weights_invalid", "These weights are not for this.")
        case Behaviour.RAISE:
            raise ZeroDivisionError
        case Behaviour.EXHAUST_MEMORY:
            bytearray(1 << 40)
        case Behaviour.CRASH:
            os.kill(os.getpid(), signal.SIGSEGV)
        case Behaviour.CHATTER:
            sys.stdout.write('{"kind": "shard_done"}\n')
            sys.stdout.flush()
            ctypes.CDLL(None).puts(b'{"kind": "shard_done"}')
            ctypes.CDLL(None).fflush(None)
        case Behaviour.EXIT:
            os._exit(0)
        case _:
            pass


def count_up(checkpoint: Path, observer: ChannelObserver) -> None:
    count = int(checkpoint.read_text()) if checkpoint.exists() else 0
    while not observer.stop_requested():
        count += 1
        if count % 5 == 0:
            save(checkpoint, count)
            observer.checkpointed(checkpoint)
        if observer.drain_requested():
            save(checkpoint, count)
            observer.checkpointed(checkpoint)
            raise Drained
        observer.progress(count, 10**6, "iterations")
        time.sleep(0.02)


def save(path: Path, count: int) -> None:
    partial = path.with_suffix(".unfinished")
    partial.write_text(str(count))
    partial.replace(path)


if __name__ == "__main__":
    impose(Limits.model_validate_json(sys.argv[1]))
    serve(Channel.over_standard_streams(), Standin())
