"""The plot of the scale benchmark."""

from matplotlib.figure import Figure

from benchmarks.results import Result
from benchmarks.style import COLOURS, panels


def plot(result: Result) -> Figure:
    """Memory measured and estimated, and the time of a product."""
    (row,) = result.tables[0].rows
    figure, (memory, time) = panels(f"Scale: {result.title}", columns=2)
    memory.bar(
        ["measured peak", "stated estimate"],
        [float(row[name] or 0.0) for name in ("peak_mib", "estimate_mib")],
        color=[COLOURS[2], COLOURS[3]],
    )
    memory.set_ylabel("memory (MiB)")
    memory.set_title(f"{row['parameters']:,} parameters, {row['samples']:,} samples")
    time.bar(
        ["wall", "processor"],
        [float(row[name] or 0.0) for name in ("product_wall_s", "product_cpu_s")],
        color=[COLOURS[0], COLOURS[1]],
    )
    time.set_ylabel("time of a product (s)")
    time.set_title(f"{row['products']} products")
    return figure
