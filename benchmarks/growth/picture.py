"""The plot of the growth benchmark."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.growth.jobs import BUDGET
from benchmarks.growth.scaling import SIZES
from benchmarks.results import Result, Row, Table
from benchmarks.style import COLOURS, panels


def plot(result: Result) -> Figure:
    """Time above, memory below, each against every size; memory against the budget."""
    *measured, exponents = result.tables
    figure, axes = panels(f"Growth: {result.title}", columns=4, rows=2)
    for column, (axis, table) in enumerate(zip(SIZES, measured, strict=False)):
        slopes = next(row for row in exponents.rows if row["varied"] == axis)
        if table.rows:
            _time(axes[column], axis, table, float(slopes["cpu_s"] or 0.0))
            _memory(axes[column + 4], axis, table, float(slopes["peak_mib"] or 0.0))
    if measured[-1].rows:
        _budget(axes[7], measured[-1])
    for each in axes:
        if not each.has_data():
            each.set_axis_off()
    return figure


def _time(axes: Axes, axis: str, table: Table, slope: float) -> None:
    rows = table.rows
    sizes = _column(rows, axis)
    for name, label, colour in (
        ("wall_s", "wall", COLOURS[0]),
        ("cpu_s", "processor", COLOURS[1]),
    ):
        axes.loglog(sizes, _column(rows, name), "o-", color=colour, label=label)
    _proportional(axes, sizes, _column(rows, "cpu_s"))
    _label(axes, axis, sizes, "time of the search (s)")
    axes.set_title(f"Time ~ {axis}^{slope:.2f}\n{table.title}", fontsize=9)


def _memory(axes: Axes, axis: str, table: Table, slope: float) -> None:
    rows = table.rows
    sizes = _column(rows, axis)
    for name, label, colour, style in (
        ("peak_mib", "measured peak", COLOURS[2], "o-"),
        ("estimate_mib", "stated estimate", COLOURS[3], "s--"),
    ):
        axes.loglog(sizes, _column(rows, name), style, color=colour, label=label)
    _label(axes, axis, sizes, "memory (MiB)")
    axes.set_title(f"Peak ~ {axis}^{slope:.2f}")


def _budget(axes: Axes, table: Table) -> None:
    rows = table.rows
    budgets = _column(rows, BUDGET)
    axes.loglog(
        budgets,
        _column(rows, "peak_mib"),
        "o-",
        color=COLOURS[2],
        label="measured peak",
    )
    axes.loglog(budgets, budgets, ":", color="black", label="budget")
    _label(axes, "memory budget (MiB)", budgets, "memory (MiB)")
    axes.set_title(f"{table.title}\npeak and budget", fontsize=9)


def _proportional(axes: Axes, sizes: list[float], costs: list[float]) -> None:
    scale = costs[-1] / sizes[-1]
    axes.loglog(
        sizes, [scale * size for size in sizes], ":", color="black", label="linear"
    )


def _label(axes: Axes, x: str, sizes: list[float], y: str) -> None:
    axes.set_xticks(sizes, minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend()


def _column(rows: Sequence[Row], name: str) -> list[float]:
    return [float(row[name] or 0.0) for row in rows]
