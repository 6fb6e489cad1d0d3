"""The plot of the batching benchmark."""

from matplotlib.figure import Figure

from benchmarks.results import Result
from benchmarks.style import COLOURS, panels


def plot(result: Result) -> Figure:
    """How many times faster runs are together, by kind of work and size."""
    (table,) = result.tables
    works = list(dict.fromkeys(str(row["work"]) for row in table.rows))
    sizes = list(dict.fromkeys(int(row["samples"] or 0) for row in table.rows))
    figure, (axes,) = panels(f"Batching: {result.title}", columns=1)
    figure.set_figwidth(8.0)
    width = 0.8 / len(sizes)
    for place, samples in enumerate(sizes):
        ratios = [
            float(row["ratio"] or 0.0)
            for row in table.rows
            if row["samples"] == samples
        ]
        positions = [
            number + (place - (len(sizes) - 1) / 2) * width
            for number in range(len(works))
        ]
        bars = axes.bar(
            positions, ratios, width, color=COLOURS[place], label=f"n = {samples:,}"
        )
        axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(works)), works)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("time one by one / at once")
    axes.set_title(table.title)
    axes.legend(title="samples")
    return figure
