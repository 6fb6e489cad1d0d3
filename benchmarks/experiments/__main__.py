"""The command: ``python -m benchmarks.experiments [--lanes 2]``; takes up where it was.

Every report is kept in the folder of ``--out``; delete one to run its experiment again.
"""

import argparse
from pathlib import Path

from benchmarks.experiments.figures import draw
from benchmarks.experiments.lanes import report_path, run_all
from benchmarks.experiments.page import rewrite, table
from benchmarks.experiments.plan import EXPERIMENTS
from service.schemas.reports import Report

_OUT = Path("build/experiments")


def main() -> None:
    """Runs what has no report yet, then draws and writes what all reports say."""
    options = _parser().parse_args()
    chosen = [each for each in EXPERIMENTS if options.only in {None, each.preset}]
    options.out.mkdir(parents=True, exist_ok=True)
    run_all(chosen, options.out, lanes=options.lanes)
    reports: dict[str, dict[str, Report]] = {}
    for experiment in sorted(EXPERIMENTS, key=lambda each: each.preset):
        path = report_path(options.out, experiment)
        if path.exists():
            found = Report.model_validate_json(path.read_bytes())
            reports.setdefault(experiment.preset, {})[experiment.method] = found
    print(table(reports))
    page: Path | None = options.page
    draw(reports, options.out if page is None else page.parent / "figures")
    if page is not None:
        rewrite(page, reports)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments")
    parser.add_argument(
        "--lanes", type=int, default=2, help="experiments at a time, one thread each"
    )
    parser.add_argument("--only", help="a preset to run")
    parser.add_argument("--out", type=Path, default=_OUT, help="folder of the reports")
    parser.add_argument(
        "--page", type=Path, help="page whose table and figures are renewed"
    )
    return parser


if __name__ == "__main__":
    main()
