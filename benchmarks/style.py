"""How the plots look."""

from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

COLOURS = ("#1b6ca8", "#d1495b", "#3a7d44", "#c98a1b", "#6c5b7b")

_STYLE: dict[RcKeyType, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.dpi": 150,
    "figure.titlesize": 13,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.framealpha": 0.7,
    "legend.edgecolor": "none",
    "legend.fontsize": 9,
}
_WIDTH, _HEIGHT = 4.8, 3.8  # inches


def panels(title: str, *, columns: int, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure of panels, row by row."""
    rcParams.update(_STYLE)  # legends, too, are to look so
    figure = Figure(
        figsize=(_WIDTH * columns, _HEIGHT * rows + 0.5), layout="constrained"
    )
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.suptitle(title)
    return figure, list(axes.flat)
