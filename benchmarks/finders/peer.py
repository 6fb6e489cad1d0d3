"""The public research code on some starts, in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.finders.problem import HIDDEN, Problem
from benchmarks.finders.trial import Trial, examine


def run_peer(
    checkout: Path, problem: Problem, theta: Tensor, *, iterations: int
) -> Trial:
    """Newton-MR of ``autocrit``, with as many threads as this process uses.

    Args:
        checkout: Where its source lies.
        problem: The data and the known critical points.
        theta: Starts, ``(runs, 128)``.
        iterations: Steps a run may take.

    Returns:
        What came out; the time is that of its iterations alone.
    """
    threads = str(torch.get_num_threads())
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        np.savez(arrays, x=problem.x.cpu().numpy(), theta=theta.cpu().numpy())
        answer = subprocess.run(
            [
                sys.executable,
                "-m",
                "benchmarks.finders.peer_process",
                str(checkout),
                str(arrays),
                str(HIDDEN),
                str(iterations),
            ],
            env=os.environ | limits,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    runs = [json.loads(line) for line in answer.stdout.splitlines()]
    ends = torch.tensor(
        [run["theta"] for run in runs], dtype=theta.dtype, device=theta.device
    )
    found, matched, index = examine(problem.moments, ends)
    return Trial(
        theta=ends,
        found=found,
        matched=matched,
        index=index,
        iterations=torch.tensor([run["iterations"] for run in runs]),
        gradients=sum(run["gradients"] for run in runs),
        products=sum(run["products"] for run in runs),
        hessians=0,
        wall_s=sum(run["wall_s"] for run in runs),
        cpu_s=sum(run["cpu_s"] for run in runs),
    )
