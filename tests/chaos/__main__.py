"""``python -m tests.chaos [--jobs 200] [--seconds 300] [--seed 0]``."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import Plan, run


def main() -> int:
    """Runs a campaign and prints what was seen; fails if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="gradflat-chaos-") as folder:
        verdict = run(plan, Path(folder).resolve() / "data")
    lines = [f"seed: {plan.seed}"]
    lines += [f"{name}: {figure}" for name, figure in verdict.figures.items()]
    lines += [f"FAILED {failure}" for failure in verdict.failures]
    sys.stdout.write("\n".join([*lines, "all held" * (not verdict.failures), ""]))
    return 1 if verdict.failures else 0


if __name__ == "__main__":
    sys.exit(main())
