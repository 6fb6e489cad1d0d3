"""What the command line shows: progress, a table of points, a problem."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.client import Client
from service.schemas.jobs import Job
from service.schemas.problem_details import ProblemDetails
from service.schemas.reports import Index, Report

_STYLES = {"critical": "green", "gradient_flat": "yellow", "failed": "red"}


def watch(console: Console, client: Client, job_id: str) -> Job:
    """Shows a job's progress until it has ended.

    Args:
        console: Where to.
        client: Of the job's server.
        job_id: Which.

    Returns:
        The job as it ended.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        bar = bars.add_task("queued", total=1.0, detail="")

        def show(job: Job) -> None:
            progress = job.progress
            bars.update(
                bar,
                description=(job.phase or job.state)
                if job.state == "running"
                else job.state,
                completed=1.0 if job.finished_at else progress and progress.fraction,
                detail=""
                if progress is None
                else f"{progress.done}/{progress.total} {progress.unit}",
            )

        return client.wait(job_id, on_change=show)


def show_report(console: Console, report: Report) -> None:
    """Shows a report's points, one a row, and its counts."""
    table = Table(
        *("start", "label", "kind"),
        box=None,
        pad_edge=False,
    )
    for name in ("loss", "|g|^2", "r", "index", "iterations"):
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
        )
    console.print(table)
    counts = report.counts
    console.print(
        f"{report.outcome}: {counts.critical} critical, {counts.gradient_flat} "
        f"gradient-flat, {counts.unconverged} unconverged, {counts.failed} failed; "
        f"{report.seconds:.1f} s",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def show_problem(console: Console, problem: ProblemDetails) -> None:
    """Shows what the server refuses, field by field."""
    lines = [f"Error: {problem.title} ({problem.code}): {problem.detail}"]
    lines += [f"  {e.pointer}: {e.detail} ({e.code})" for e in problem.errors]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _number(value: float | None, pattern: str) -> str:
    return "-" if value is None else format(value, pattern)


def _index(index: Index | None) -> str:
    if index is None:
        return "-"
    return f"{index.negative}/{index.zero}/{index.positive}"
