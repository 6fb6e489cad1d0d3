"""Whether 95 % intervals contain the truth over many seeds, on spectra of all kinds."""

import pytest
import torch
from torch import Tensor

from tests.support.numerics.matrices import vectors
from worker.linalg.extremes.basis import Storage
from worker.linalg.operators import DiagonalOperator
from worker.spectra.computation import SpectrumComputation
from worker.spectra.estimates import Estimate
from worker.spectra.plan import DensityPlan, SpectrumPlan
from worker.spectra.spectrum import Spectrum

SIZE = 300
SEEDS = 100
THRESHOLD = 1e-3
SPECTRA = {
    "even": torch.linspace(-1, 3, SIZE),
    "spike at zero": torch.cat(
        [
            torch.tensor([9.0, 7.0, 4.0, 1.0, -0.5]),
            torch.logspace(-1, -6, 175),
            -torch.logspace(-2, -6, 120),
        ]
    ),
    "Gaussian": vectors(1, SIZE)[0],
    "low rank": torch.cat([torch.linspace(1, 2, 20), torch.zeros(SIZE - 20)]),
}


def spectra(values: Tensor, *, top: int, probes: int) -> Spectrum:
    """One estimate for each seed, as runs of one batch."""
    matrices = values.double().expand(SEEDS, -1).contiguous()
    plan = SpectrumPlan(
        top=top,
        eigenvectors=False,
        density=DensityPlan(probes=probes, steps=12, broadening=1.0),
        seed=0,
        starts=range(SEEDS),
        storage=Storage.of(matrices),
    )
    return SpectrumComputation.begin(plan, size=SIZE, like=matrices).run(
        DiagonalOperator(values=matrices), on_product=lambda _: None
    )


def covered(estimate: Estimate, truth: float) -> float:
    rounding = 1e-9 * (1 + abs(truth))
    return (
        ((estimate.value - truth).abs() <= estimate.reach() + rounding)
        .double()
        .mean()
        .item()
    )


@pytest.mark.parametrize("top", [3, 0], ids=["beside extremes", "alone"])
@pytest.mark.parametrize("probes", [2, 8])
@pytest.mark.parametrize("kind", SPECTRA)
def test_intervals_contain_the_truth(kind: str, probes: int, top: int) -> None:
    values = SPECTRA[kind].double()
    found = spectra(values, top=top, probes=probes)

    assert found.trace is not None
    assert covered(found.trace, values.sum().item()) >= 0.9
    assert found.frobenius_norm is not None
    assert covered(found.frobenius_norm, values.norm().item()) >= 0.9
    index = found.inertia(torch.full((SEEDS,), THRESHOLD, dtype=torch.float64))
    assert index is not None
    truth = (values < -THRESHOLD).double().mean()
    low, high = index.interval.unbind(dim=1)
    assert ((low <= truth) & (truth <= high)).double().mean() >= 0.9
    assert (low <= index.fraction + 1 / SIZE).all()
    assert (index.fraction - 1 / SIZE <= high).all()
