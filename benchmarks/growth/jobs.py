"""Jobs that differ in one size only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

from service.schemas.jobs import JobRequest

STARTS, SAMPLES, PARAMETERS, BUDGET = "starts", "samples", "parameters", "budget_mib"
_DEFAULT_BUDGET_BYTES = 2**31


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One job, and what it may take.

    Attributes:
        axis: The size that is varied.
        size: Its value.
        request: The job.
        budget_bytes: What the computation may take, inputs apart.
    """

    axis: str
    size: int
    request: JobRequest
    budget_bytes: int = _DEFAULT_BUDGET_BYTES


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The sizes that are measured.

    Attributes:
        starts: Of a small classifier.
        samples: Of a small autoencoder.
        widths: Of both hidden layers of a classifier.
        budgets_mib: Of a job that would be faster with more.
        iterations: Steps of every search.
    """

    starts: Sequence[int]
    samples: Sequence[int]
    widths: Sequence[int]
    budgets_mib: Sequence[int]
    iterations: int

    def cases(self) -> list[Case]:
        """One job for each size."""
        return [
            *(self._of_starts(count) for count in self.starts),
            *(self._of_samples(count) for count in self.samples),
            *(self._of_width(width) for width in self.widths),
            *(self._of_budget(mib) for mib in self.budgets_mib),
        ]

    def _of_starts(self, count: int) -> Case:
        request = self._request(_digits([64, 8, 10], samples=500), starts=count)
        return Case(axis=STARTS, size=count, request=request)

    def _of_samples(self, count: int) -> Case:
        request = self._request(_autoencoder(count), starts=4)
        return Case(axis=SAMPLES, size=count, request=request)

    def _of_width(self, width: int) -> Case:
        sizes = [64, width, width, 10]
        size = sum((a + 1) * b for a, b in pairwise(sizes))
        request = self._request(_digits(sizes, samples=100), starts=1, hessian="krylov")
        return Case(axis=PARAMETERS, size=size, request=request)

    def _of_budget(self, mib: int) -> Case:
        request = self._request(_autoencoder(8000), starts=16)
        return Case(axis=BUDGET, size=mib, request=request, budget_bytes=mib * 2**20)

    def _request(
        self, problem: Mapping[str, Any], *, starts: int, hessian: str = "auto"
    ) -> JobRequest:
        """A job that no run ends early: every solve takes as many products."""
        return JobRequest.model_validate(
            {
                "problem": {"kind": "network", **problem},
                "starts": {"kind": "random", "count": starts},
                "finder": {
                    "kind": "newton_mr",
                    "max_iterations": self.iterations,
                    "max_krylov_iterations": 20,
                    "rtol": 1e-12,
                    "hessian": hessian,
                },
                "classification": {"squared_gradient_norm_cutoff": 1e-30},
            }
        )


def _digits(sizes: list[int], *, samples: int) -> dict[str, Any]:
    return {
        "architecture": {"kind": "mlp", "sizes": sizes, "activation": "tanh"},
        "dataset": {
            "kind": "builtin",
            "name": "digits",
            "transforms": [{"kind": "flatten"}, {"kind": "subset", "count": samples}],
        },
        "loss": {"kind": "cross_entropy"},
    }


def _autoencoder(samples: int) -> dict[str, Any]:
    return {
        "architecture": {"kind": "mlp", "sizes": [16, 8, 16], "activation": "swish"},
        "dataset": {
            "kind": "gaussian",
            "features": 16,
            "samples": samples,
            "covariance": {"kind": "linspace", "low": 1.0, "high": 16.0},
        },
        "loss": {"kind": "mse"},
    }
