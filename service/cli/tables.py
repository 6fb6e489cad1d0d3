"""What the command line shows: progress, a table of points, a problem."""

from datetime import timedelta
from typing import final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.client import Client
from service.schemas.events import Event
from service.schemas.jobs import Job
from service.schemas.problem_details import ProblemDetails
from service.schemas.reports import Index, Report, SpectrumReport

_WIDEST = 200
"""Columns that a table may take, whatever the screen's width."""
_STYLES = {"critical": "green", "gradient_flat": "yellow", "failed": "red"}


def watch(console: Console, client: Client, job_id: str) -> Job:
    """Shows a job's progress until it has ended: a bar, or lines in a pipe.

    Args:
        console: Where to.
        client: Of the job's server.
        job_id: Which.

    Returns:
        The job as it ended.
    """
    if not console.is_terminal:
        return client.wait(job_id, on_change=_Lines(console))
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        bar = bars.add_task("queued", total=1.0, detail="")

        def show(job: Job) -> None:
            fraction = job.progress and job.progress.fraction
            bars.update(
                bar,
                description=_stage(job),
                completed=1.0 if job.finished_at else fraction,
                detail=_detail(job),
            )

        return client.wait(job_id, on_change=show)


@final
class _Lines:
    """Progress as lines: one for each stage and each tenth of it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: tuple[str, int] | None = None

    def __call__(self, job: Job) -> None:
        tenth = int(10 * job.progress.fraction) if job.progress else 0
        if self._shown != (_stage(job), tenth):
            self._shown = (_stage(job), tenth)
            line = f"{_stage(job)} {_detail(job)}".rstrip()
            self._console.print(line, markup=False, highlight=False)


def show_report(console: Console, report: Report) -> None:
    """Shows a report's points, one a row, and its counts."""
    table = Table(*("start", "label", "kind"), box=None, pad_edge=False)
    spectra = any(point.spectrum for point in report.points)
    numbers = ["loss", "|g|^2", "r", "index", "iterations"]
    if spectra:
        numbers += ["largest", "smallest", "products"]
    for name in numbers:
        table.add_column(name, justify="right")
    for point in report.points:
        style = _STYLES.get(point.label, "")
        table.add_row(
            str(point.start),
            f"[{style}]{point.label}[/]" if style else point.label,
            point.kind or "-",
            _number(point.loss, ".8g"),
            _number(point.squared_gradient_norm, ".1e"),
            _number(point.relative_residual, ".2g"),
            _index(point.index),
            str(point.iterations),
            *(_spectrum(point.spectrum) if spectra else ()),
        )
    roomy = console.options.update(max_width=_WIDEST)
    needed = console.measure(table, options=roomy).maximum
    console.width = max(console.width, needed)
    console.print(table)
    counts = report.counts
    console.print(
        f"{report.outcome}: {counts.critical} critical, {counts.gradient_flat} "
        f"gradient-flat, {counts.unconverged} unconverged, "
        f"{counts.unclassified} unclassified, {counts.failed} failed; "
        f"{report.seconds:.1f} s",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def show_event(console: Console, event: Event) -> None:
    """Shows an event in one line."""
    told = ", ".join(
        f"{name} {value}"
        for name, value in event.data.items()
        if value is not None and name != "level"
    )
    text = event.data.get("message", told)
    console.print(
        f"{event.at:%Y-%m-%d %H:%M:%S} {event.type:8} {text}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def show_problem(console: Console, problem: ProblemDetails) -> None:
    """Shows what the server refuses, field by field."""
    lines = [f"Error: {problem.title} ({problem.code}): {problem.detail}"]
    lines += [f"  {e.pointer}: {e.detail} ({e.code})" for e in problem.errors]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _stage(job: Job) -> str:
    return job.phase or job.state if job.state == "running" else job.state


def _detail(job: Job) -> str:
    progress = job.progress
    if progress is None or job.state != "running":
        return ""
    made = f"{progress.done}/{progress.total} {progress.unit}"
    if progress.eta_seconds is None:
        return made
    return f"{made}, {timedelta(seconds=round(progress.eta_seconds))} left"


def _number(value: float | None, pattern: str) -> str:
    return "-" if value is None else format(value, pattern)


def _spectrum(spectrum: SpectrumReport | None) -> tuple[str, str, str]:
    """The extreme eigenvalues, with a mark where they are not converged."""
    if spectrum is None:
        return "-", "-", "-"
    products = str(spectrum.hessian_vector_products)
    if not spectrum.largest:
        return "-", "-", products
    mark = "" if spectrum.converged else "?"
    return (
        f"{spectrum.largest[0]:.6g}{mark}",
        f"{spectrum.smallest[0]:.6g}{mark}",
        products,
    )


def _index(index: Index | None) -> str:
    if index is None:
        return "-"
    return f"{index.negative}/{index.zero}/{index.positive}"
