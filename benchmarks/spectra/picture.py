"""The plot of the benchmark of spectra."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Result, Table
from benchmarks.style import COLOURS, panels


def plot(result: Result) -> Figure:
    """Seconds and products of all libraries, and products on larger networks."""
    drawing, axes = panels(f"Spectra: {result.title}", columns=3)
    drawing.set_figwidth(19.0)
    *timed, products = result.tables
    for each, table in zip(axes[:2], timed, strict=True):
        _bars(each, table)
    _ratios(axes[2], products)
    return drawing


def _ratios(axes: Axes, table: Table) -> None:
    names = [f"{row['network']}, top {row['top']}" for row in table.rows]
    ratios = [float(row["ratio"] or 0) for row in table.rows]
    bars = axes.barh(names, ratios, color=COLOURS[0])
    labels = [f"{row['products']} : {row['of SciPy eigsh']}" for row in table.rows]
    axes.bar_label(bars, labels, fontsize=7, padding=2)
    axes.axvline(1.0, color=COLOURS[1], linewidth=1.0)
    axes.margins(x=0.3)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("products of gradflat : products of eigsh")
    axes.set_title(table.title)


def _bars(axes: Axes, table: Table) -> None:
    networks = list(dict.fromkeys(str(row["network"]) for row in table.rows))
    libraries = list(dict.fromkeys(str(row["library"]) for row in table.rows))
    height = 0.8 / len(libraries)
    for place, library in enumerate(libraries):
        rows = [row for row in table.rows if row["library"] == library]
        bars = axes.barh(
            [number + place * height for number in range(len(rows))],
            [float(row["seconds"] or 0) for row in rows],
            height,
            color=COLOURS[place],
            label=library,
        )
        labels = [
            f"{row['products']} products" + ("" if row["enough"] else ", inaccurate")
            for row in rows
        ]
        axes.bar_label(bars, labels, fontsize=7, padding=2)
    middle = 0.4 - height / 2
    axes.set_yticks([number + middle for number in range(len(networks))], networks)
    axes.set_xscale("log")
    axes.margins(x=0.5)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("s")
    axes.set_title(table.title)
    axes.legend(loc="upper right")
