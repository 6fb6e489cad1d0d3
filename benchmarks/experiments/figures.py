"""Figures of the paper's kind: loss against index, distributions of r."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from benchmarks.style import COLOURS, panels
from service.schemas.reports import Report

Reports = Mapping[str, Mapping[str, Report]]
"""By preset and method."""

METHODS = (
    *("newton_mr", "levenberg_marquardt", "damped_newton", "gradient_norm"),
    "newton_mr (published)",
)
_COLOUR: dict[str, str] = dict(zip(METHODS, COLOURS, strict=True))
_MARKER: dict[str, str] = dict(zip(METHODS, "ovsx+", strict=True))
_PRESETS = ("linear_autoencoder", "autoencoder", "classifier", "memorising_net")


def draw(reports: Reports, folder: Path) -> list[Path]:
    """Draws both figures.

    Args:
        reports: What was found.
        folder: Where the figures go.

    Returns:
        Their paths.
    """
    shown = [name for name in _PRESETS if name in reports]
    losses, loss_axes = panels("Critical points: loss against index", columns=2, rows=2)
    residuals, residual_axes = panels(
        "r: largest on the way (dashed), at the end where not critical (solid)",
        columns=2,
        rows=2,
    )
    for name, axes in zip(shown, loss_axes, strict=False):
        _loss_index(axes, name, reports[name])
    for name, axes in zip(shown, residual_axes, strict=False):
        _distribution(axes, name, reports[name])
    for axes in (*loss_axes[len(shown) :], *residual_axes[len(shown) :]):
        axes.set_axis_off()
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "loss_index.png", folder / "residuals.png"]
    losses.savefig(paths[0])
    residuals.savefig(paths[1])
    return paths


def _loss_index(axes: Axes, name: str, found: Mapping[str, Report]) -> None:
    for method in METHODS:
        if method not in found:
            continue
        points = found[method].summary.loss_index
        axes.scatter(
            [100 * point.index_fraction for point in points],
            [point.loss for point in points],
            s=24,
            marker=_MARKER[method],
            color=_COLOUR[method],
            alpha=0.7,
            label=f"{method}: {len(points)} of {len(found[method].points)}",
        )
    axes.set_title(name)
    axes.set_xlabel("eigenvalues that are negative (%)")
    axes.set_ylabel("loss")
    axes.legend()


def _distribution(axes: Axes, name: str, found: Mapping[str, Report]) -> None:
    for method in METHODS:
        if method not in found:
            continue
        points = found[method].points
        last = [p.relative_residual for p in points if p.label != "critical"]
        _ecdf(axes, last, method, style="-")
        _ecdf(axes, [p.relative_residual_max for p in points], method, style="--")
        axes.plot([], [], color=_COLOUR[method], label=f"{method} ({len(points)} runs)")
    axes.axvline(0.9, color="grey", linewidth=0.8)
    axes.set_title(name)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("r")
    axes.set_ylabel("share of these runs")
    axes.legend(loc="best")


def _ecdf(
    axes: Axes, values: Sequence[float | None], method: str, *, style: str
) -> None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return
    shares = np.arange(len(known) + 1) / len(known)
    axes.step(
        [-0.02, *known, 1.02],
        [*shares, 1.0],
        where="post",
        color=_COLOUR[method],
        linestyle=style,
    )
