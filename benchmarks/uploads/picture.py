"""The plot of the uploads' benchmark."""

from matplotlib.figure import Figure

from benchmarks.results import Result
from benchmarks.style import COLOURS, panels


def plot(result: Result) -> Figure:
    """Seconds of each client beside those of hashing and writing."""
    (table,) = result.tables
    figure, (axes,) = panels(f"Uploads: {result.title}", columns=1)
    for place, name in enumerate(("hash_and_write_s", "send_s")):
        bars = axes.bar(
            [number + 0.4 * place for number in range(len(table.rows))],
            [float(row[name] or 0.0) for row in table.rows],
            0.4,
            color=COLOURS[place],
            label=name.removesuffix("_s").replace("_", " "),
        )
        axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
    axes.set_xticks(
        [number + 0.2 for number in range(len(table.rows))],
        [str(row["client"]) for row in table.rows],
    )
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("seconds")
    axes.legend()
    return figure
