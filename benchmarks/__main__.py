"""The command: ``python -m benchmarks [--quick] [--device cuda] [--only NAME]``."""

import argparse
import json
import os
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.catalogue import BENCHMARKS
from benchmarks.console import show, show_table
from benchmarks.environment import environment
from benchmarks.results import Result, Row, Table
from benchmarks.settings import Settings

_OUT = Path("build/benchmarks")
_WIDTH = 120  # columns where output goes to a file


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmarks, prints what they found and writes it to files."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    settings = Settings(
        scale=options.scale, device=options.device, autocrit=options.autocrit
    )
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    found: list[Result] = []
    durations: list[Row] = []
    facts = environment(settings.device)
    for benchmark in BENCHMARKS:
        if options.only and benchmark.name not in options.only:
            continue
        began = os.times()
        result = benchmark.run(settings)
        found.append(result)
        show(result, console)
        benchmark.plot(result).savefig(out / f"{benchmark.name}.png")
        durations.append(_duration(benchmark.name, began))
        report = {
            "scale": settings.scale,
            "environment": facts,
            "results": [each.to_json() for each in found],
            "durations": durations,
        }
        # Written after each, so that an interrupted run leaves what it measured.
        (out / "benchmarks.json").write_text(json.dumps(report, indent=1))
    show_table(Table(title="What it took", rows=durations), console)
    console.print(f"written to {out}")


def _duration(name: str, began: os.times_result) -> Row:
    """Wall and processor time since then, of this process and of those it ran."""
    spent = [after - before for before, after in zip(began, os.times(), strict=True)]
    *processor, elapsed = spent
    return {"benchmark": name, "wall_s": elapsed, "cpu_s": sum(processor)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument(
        "--quick",
        dest="scale",
        action="store_const",
        const="quick",
        default="full",
        help="less of everything: under ten minutes on two cores",
    )
    scale.add_argument(
        "--tiny",
        dest="scale",
        action="store_const",
        const="tiny",
        help="only shows that everything runs",
    )
    parser.add_argument("--device", default="cpu", help="a torch device")
    parser.add_argument(
        "--threads", type=int, default=1, help="of torch, on both sides"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[each.name for each in BENCHMARKS],
        help="a benchmark to run; may be repeated",
    )
    parser.add_argument("--out", type=Path, default=_OUT, help="folder for the results")
    parser.add_argument(
        "--autocrit",
        type=Path,
        default=_checkout(),
        help="checkout of github.com/charlesfrye/autocrit; else $AUTOCRIT",
    )
    return parser


def _checkout() -> Path | None:
    named = os.environ.get("AUTOCRIT")
    return Path(named) if named else None


if __name__ == "__main__":
    main()
