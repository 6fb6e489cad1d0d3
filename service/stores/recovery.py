"""What the reconciler finds and repairs, across all tenants."""

from typing import final

from sqlalchemy import Engine


@final
class RecoveryStore:
    """Finds lost leases, lost messages, and what has outlived its time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reap(self, *, limit: int = 1000) -> int:
        """Returns how many expired leases were ended.

        Each such shard is queued again, or over if its job was to be cancelled; after
        the last attempt its job fails with `worker_lost`.
        """
        raise NotImplementedError
