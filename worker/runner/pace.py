"""The pace of a phase, and how long it has left."""

from typing import final


@final
class Pace:
    """Of one phase, from the first that is heard of it."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None

    def eta_s(self, now_s: float, done: int, total: int) -> float | None:
        """Time for what is left, at the pace so far; None until there is one.

        Args:
            now_s: By any clock that does not jump.
            done: What has been done; what an earlier attempt did does not count.
            total: Of how much.

        Returns:
            Seconds.
        """
        if self._began is None:
            self._began = now_s, done
        began_s, first = self._began
        if done <= first:
            return None
        return (now_s - began_s) / (done - first) * max(0, total - done)
