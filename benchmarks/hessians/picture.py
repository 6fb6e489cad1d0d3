"""The plot of the benchmark of Hessians."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Result, Table
from benchmarks.style import COLOURS, panels
from benchmarks.turns import figure


def plot(result: Result) -> Figure:
    """Times side by side, on logarithmic axes, and costs foreseen against measured."""
    products, dense, others, costs = result.tables
    drawing, axes = panels(f"Hessians: {result.title}", columns=2, rows=2)
    drawing.set_figwidth(15.0)
    _bars(axes[0], products, ["gradient_ms", "product_ms", "curvlinops_ms"])
    _bars(axes[1], dense, ["limit_ms", "formed_ms", "torch_func_ms"])
    _bars(axes[2], others, ["formed_ms", "torch_func_ms"])
    _costs(axes[3], costs)
    return drawing


def _bars(axes: Axes, table: Table, columns: list[str]) -> None:
    names = [str(row["network"]) for row in table.rows]
    height = 0.8 / len(columns)
    for place, column in enumerate(columns):
        values = [figure(row, column) for row in table.rows]
        positions = [number + place * height for number in range(len(names))]
        label = column.removesuffix("_ms").replace("_", " ")
        bars = axes.barh(positions, values, height, color=COLOURS[place], label=label)
        axes.bar_label(bars, fmt="%.3g", fontsize=7, padding=2)
    axes.set_yticks([n + 0.4 - height / 2 for n in range(len(names))], names)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("ms")
    axes.set_title(table.title)
    axes.legend()


def _costs(axes: Axes, table: Table) -> None:
    measured = [figure(row, "measured_in_products") for row in table.rows]
    foreseen = [figure(row, "foreseen_in_products") for row in table.rows]
    axes.scatter(measured, foreseen, color=COLOURS[0], zorder=3)
    ends = [min(measured + foreseen) / 2, 2 * max(measured + foreseen)]
    axes.plot(ends, ends, color="black", linewidth=0.8, label="as foreseen")
    low, high = ([factor * end for end in ends] for factor in (0.5, 2.0))
    axes.fill_between(ends, low, high, color=COLOURS[2], alpha=0.15, label="within 2")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("measured (products)")
    axes.set_ylabel("foreseen (products)")
    axes.set_title(table.title)
    axes.legend()
