"""Times of works that take turns."""

from collections.abc import Callable, Mapping

import torch

from benchmarks.results import Row
from benchmarks.stopwatch import Stopwatch

_TURN_S = 0.1  # of calls of a work whose calls are shorter


def best_times(
    works: Mapping[str, Callable[[], object]],
    *,
    turns: int,
    device: str,
    long_s: float = float("inf"),
) -> dict[str, float]:
    """Least seconds of a call of each work over so many turns of all of them.

    Args:
        works: What is to be timed.
        turns: How often; after the first, short works are called many times a turn.
        device: Where it computes.
        long_s: Works that take so many seconds have one turn only.

    Returns:
        Processor time on one core, which other load hardly moves; else by the clock.
    """
    best = dict.fromkeys(works, float("inf"))
    alone = device == "cpu" and torch.get_num_threads() == 1
    for _ in range(turns):
        for name, work in works.items():
            if long_s <= best[name] < float("inf"):
                continue
            spent = 0.0
            while spent < _TURN_S:
                with Stopwatch(device) as watch:
                    work()
                spent += watch.wall_s
                best[name] = min(best[name], watch.cpu_s if alone else watch.wall_s)
    return best


def figure(row: Row, column: str) -> float:
    """A measured figure."""
    match row[column]:
        case float(value):
            return value
        case other:
            raise TypeError(f"{column} is {other!r}")
