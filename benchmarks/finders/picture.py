"""The plot of the finders' benchmark."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.finders.comparison import KINDS, PEER
from benchmarks.results import Result, Row, Table
from benchmarks.style import COLOURS, panels

_COLOUR: dict[str, str] = dict(zip((*KINDS, PEER), COLOURS, strict=False))

_BIN = 4  # indices in a bar of the histogram


def plot(result: Result) -> Figure:
    """Time, success, iterations and indices."""
    figure, (times, success, iterations, indices) = panels(
        f"Finders: {result.title}", columns=2, rows=2
    )
    shared, network, moments = result.tables
    _times(times, shared)
    _success(success, [*_named(network), *_named(shared, only=PEER)])
    starts = moments.rows[0]["starts"]
    _cumulative(iterations, result)
    iterations.set_title(f"Critical points found from {starts} starts")
    _histogram(indices, result)
    indices.set_title(f"Which critical points, from {starts} starts")
    return figure


def _named(table: Table, only: str | None = None) -> list[tuple[str, Row]]:
    return [
        (f"{row['method']}\n{row['starts']} starts", row)
        for row in table.rows
        if only in {None, row["method"]}
    ]


def _times(axes: Axes, table: Table) -> None:
    rows = [row for row in table.rows if row["wall_s_per_success"] is not None]
    names = [str(row["method"]) for row in rows]
    seconds = [_number(row["wall_s_per_success"]) for row in rows]
    bars = axes.barh(names, seconds, color=[_COLOUR[name] for name in names])
    axes.bar_label(bars, [f"{each:.3g} s" for each in seconds], padding=4)
    if seconds:
        axes.set_xscale("log")
        axes.set_xlim(min(seconds) / 3, 4 * max(seconds))
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    axes.set_xlabel("wall time per critical point found (s)")
    axes.set_title(f"Cost on the same {table.rows[0]['starts']} starts")


def _success(axes: Axes, rows: Sequence[tuple[str, Row]]) -> None:
    for place, (_, row) in enumerate(rows):
        value, low, high = (100 * _number(row[k]) for k in ("success", "low", "high"))
        axes.errorbar(
            value,
            place,
            xerr=[[max(0.0, value - low)], [max(0.0, high - value)]],
            fmt="o",
            capsize=4,
            color=_COLOUR[str(row["method"])],
        )
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.invert_yaxis()
    axes.set_xlim(0, 103)
    axes.set_xlabel("starts that lead to a critical point (%)")
    axes.set_title("Success, with 95 % intervals")


def _cumulative(axes: Axes, result: Result) -> None:
    for kind in KINDS:
        steps = np.sort(result.series[f"{kind} iterations"])
        counts = np.arange(1, len(steps) + 1)
        axes.step(steps, counts, where="post", color=_COLOUR[kind], label=kind)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("iterations")
    axes.set_ylabel("critical points found")
    axes.legend(loc="lower right")


def _histogram(axes: Axes, result: Result) -> None:
    indices = {kind: result.series[f"{kind} index"] for kind in KINDS}
    most = int(max((max(each, default=0) for each in indices.values()), default=0))
    bins = np.arange(0, most + _BIN + 1, _BIN) - 0.5
    axes.hist(
        list(indices.values()),
        bins=bins.tolist(),
        color=[_COLOUR[kind] for kind in KINDS],
        label=list(KINDS),
    )
    axes.margins(y=0.25)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("negative eigenvalues of the Hessian")
    axes.set_ylabel("critical points found")
    axes.legend()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
