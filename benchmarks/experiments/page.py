"""The table of `docs/experiments.md`, written from the reports."""

import statistics
from collections.abc import Mapping
from pathlib import Path

from service.schemas.reports import Point, Proportion, Report

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
_HEADER = (
    *("experiment", "method", "H", "runs", "critical", "flat at the end"),
    *("r > 0.9 ever", "r > 0.5 ever", "below 1e-4", "iterations", "s per critical"),
)

_HALF_FLAT = 0.5


def rewrite(page: Path, reports: Mapping[str, Mapping[str, Report]]) -> None:
    """Puts the table of these reports where the page has one.

    Args:
        page: A file with the marks of a table's beginning and end.
        reports: By preset and method.
    """
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table(reports)}{END}{after}")


def table(reports: Mapping[str, Mapping[str, Report]]) -> str:
    """A table in Markdown, one row for each report."""
    rows = [
        _row(preset, method, report)
        for preset, found in reports.items()
        for method, report in found.items()
    ]
    lines = [_HEADER, ("---",) * len(_HEADER), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(preset: str, method: str, report: Report) -> tuple[str, ...]:
    points, counts = report.points, report.counts
    loosest = max(
        report.summary.cutoffs, key=lambda each: each.squared_gradient_norm_cutoff
    )
    largest = [p.relative_residual_max for p in points if p.relative_residual_max]
    return (
        preset,
        method,
        "-" if report.search is None else report.search.hessian,
        str(len(points)),
        _interval(report.fractions.critical),
        _percent(counts.gradient_flat, len(points)),
        _percent(counts.ever_gradient_flat, len(points)),
        _percent(sum(each > _HALF_FLAT for each in largest), len(points)),
        _percent(loosest.critical, len(points)),
        _iterations(points),
        f"{report.seconds / counts.critical:.2g}" if counts.critical else "-",
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def _interval(share: Proportion | None) -> str:
    if share is None:
        return "-"
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}-{100 * share.high:.0f})"


def _iterations(points: list[Point]) -> str:
    steps = [point.iterations for point in points]
    return f"{statistics.median(steps):.0f} ({min(steps)}-{max(steps)})"
