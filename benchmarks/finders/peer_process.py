"""Runs the public research code: ``python -m benchmarks.finders.peer_process``.

Takes the checkout, a file of arrays with data ``x`` ``(n, k)`` and starts ``theta``
``(runs, P)``, and the iterations a run may take; prints one JSON object for each start.
Nothing of that code is part of this package: it is imported from the checkout.

Its ``run`` never stops at a critical point, so it is asked for one iteration at a time
and stopped at the first iterate whose squared gradient norm is below 1e-10. That test
is not timed, and none of its logs are kept. Where its line search fails, it jumps to
the origin; the run then ends where it was.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_CRITICAL = 1e-10
_SETTINGS = {
    "alpha": 0.1,
    "beta": 0.5,
    "rho": 1e-6,
    "check_pure": True,
    "rho_pure": 1e-6,
    "rtol": 5e-4,
    "maxit": 128,
}


def main() -> None:
    """Runs every start by itself."""
    checkout, arrays, hidden, iterations = sys.argv[1:]
    sys.path.insert(0, checkout)
    networks: Any = importlib.import_module("autocrit.nn.networks")
    newtons: Any = importlib.import_module("autocrit.finders.newtons")
    with np.load(Path(arrays)) as file:
        x, starts = file["x"].T.copy(), file["theta"]
    network = networks.FullyConnected(
        (x, x), [int(hidden), len(x)], nonlinearity_str="none", has_biases=False
    )
    for theta in starts:
        finder = newtons.FastNewtonMR(
            network.loss, log_kwargs={"track_f": False}, **_SETTINGS
        )
        print(json.dumps(_run(finder, theta[:, None], int(iterations))), flush=True)


class _Finder(Protocol):
    """What the peer's finders have."""

    grad_f: Callable[..., Vector]
    hvp: Callable[..., Vector]

    def run(self, theta: Vector, *, num_iters: int) -> Vector: ...


def _run(finder: _Finder, theta: Vector, iterations: int) -> dict[str, Any]:
    gradient = finder.grad_f
    finder.grad_f = gradients = _Counted(gradient)
    finder.hvp = products = _Counted(finder.hvp)
    wall = cpu = 0.0
    done = 0
    while done < iterations and np.sum(gradient(theta) ** 2) >= _CRITICAL:
        began = time.perf_counter(), time.process_time()
        moved = finder.run(theta, num_iters=1)
        wall += time.perf_counter() - began[0]
        cpu += time.process_time() - began[1]
        if not moved.any() or np.array_equal(moved, theta):
            break
        theta = moved
        done += 1
    return {
        "theta": theta[:, 0].tolist(),
        "iterations": done,
        "gradients": gradients.calls,
        "products": products.calls,
        "wall_s": wall,
        "cpu_s": cpu,
    }


@final
class _Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Vector]) -> None:
        self._function = function
        self.calls = 0

    def __call__(self, *arguments: Vector) -> Vector:
        self.calls += 1
        return self._function(*arguments)


if __name__ == "__main__":
    main()
