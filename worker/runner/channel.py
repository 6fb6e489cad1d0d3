"""The runner's end of the pipe to its supervisor."""

import os
import sys
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import BinaryIO, Self, final

from worker.protocol import (
    COMMAND,
    LINE_LIMIT,
    Assemble,
    Cancel,
    Drain,
    Reply,
    RunShard,
)


@final
class Channel:
    """Replies go out in whole lines; commands come in on a thread of their own.

    When the supervisor's end closes, the process ends at once: whatever it computes is
    of no use to anybody any more.
    """

    def __init__(self, commands: BinaryIO, replies: BinaryIO) -> None:
        self.cancel_requested = threading.Event()
        self.drain_requested = threading.Event()
        self._commands = commands
        self._replies = replies
        self._work: SimpleQueue[RunShard | Assemble] = SimpleQueue()
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    @classmethod
    def over_standard_streams(cls) -> Self:
        """A channel over stdin and stdout, which nobody else can reach from then on.

        Whatever is printed afterwards, by Python or by native code, goes to stderr.

        Returns:
            The channel, listening.
        """
        commands, replies = os.dup(0), os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        sys.stdout.flush()
        os.dup2(2, 1)
        return cls(os.fdopen(commands, "rb"), os.fdopen(replies, "wb", buffering=0))

    def send(self, reply: Reply) -> None:
        """Writes one line; ends the process if nobody reads any more."""
        line = memoryview(reply.model_dump_json().encode() + b"\n")
        try:
            while line:
                line = line[self._replies.write(line) :]
        except BrokenPipeError:
            os._exit(1)

    def work(self) -> Iterator[RunShard | Assemble]:
        """Yields what there is to compute, for as long as the supervisor lives."""
        while True:
            yield self._work.get()

    def _listen(self) -> None:
        try:
            while line := self._commands.readline(LINE_LIMIT):
                match COMMAND.validate_json(line):
                    case Cancel():
                        self.cancel_requested.set()
                    case Drain():
                        self.drain_requested.set()
                    case RunShard() | Assemble() as command:
                        self._work.put(command)
        finally:
            os._exit(1)
