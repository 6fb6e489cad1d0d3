"""Reasons for which a shard fails."""

from typing import final


@final
class RunError(Exception):
    """A shard that cannot be computed.

    Attributes:
        code: Stable name: ``weights_invalid``, ``dataset_invalid``, ``out_of_memory``,
            ``nondeterministic_objective``, ...
        message: What is wrong, for the job's owner.
        retryable: Whether another attempt might succeed.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


@final
class Drained(Exception):
    """The run ended at its last checkpoint, as it was asked to."""
