"""Does what the supervisor asks, and answers however it ends."""

import logging
from typing import Protocol

from service.schemas.environment import Environment
from worker.errors import Drained, RunError
from worker.protocol import (
    Assemble,
    Drained as DrainedReply,
    Failed,
    Ready,
    Reply,
    ReportDone,
    RunShard,
    ShardDone,
)
from worker.runner.channel import Channel
from worker.runner.observer import ChannelObserver

MESSAGE_LIMIT = 2000
_log = logging.getLogger(__name__)


class Computation(Protocol):
    """What a runner computes."""

    def run_shard(self, command: RunShard, observer: ChannelObserver) -> None:
        """Leaves the shard's results in its folder.

        Raises:
            RunError: If it cannot be computed.
            Drained: If it was asked to leave, after writing a checkpoint.
        """
        ...

    def environment(self) -> Environment:
        """Returns what it computes with."""
        ...

    def assemble(self, command: Assemble) -> None:
        """Leaves the report in its folder.

        Raises:
            RunError: If it cannot be made.
        """
        ...


def serve(channel: Channel, computation: Computation) -> None:
    """Answers one command after another, for as long as there is a supervisor."""
    channel.send(Ready(kind="ready", environment=computation.environment()))
    for command in channel.work():
        channel.send(_answer(channel, computation, command))


def _answer(
    channel: Channel, computation: Computation, command: RunShard | Assemble
) -> Reply:
    try:
        match command:
            case RunShard():
                computation.run_shard(command, ChannelObserver(channel))
                return ShardDone(kind="shard_done")
            case Assemble():
                computation.assemble(command)
                return ReportDone(kind="report_done")
    except Drained:
        return DrainedReply(kind="drained")
    except RunError as error:
        return Failed(
            kind="failed",
            code=error.code,
            message=error.message[:MESSAGE_LIMIT],
            retryable=error.retryable,
        )
    except Exception as error:
        _log.exception("the computation failed")
        if _is_memory_exhausted(error):
            return _failure("out_of_memory", "The computation ran out of memory.")
        return _failure("internal_error", "The computation failed unexpectedly.")


def _failure(code: str, message: str) -> Failed:
    return Failed(kind="failed", code=code, message=message, retryable=False)


def _is_memory_exhausted(error: Exception) -> bool:
    """Whether it is Python's, the allocator's or the GPU's way of saying so."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )
