import torch

from tests.support.matrices import symmetric
from worker.linalg.basis import Storage
from worker.linalg.operators import DenseOperator
from worker.spectra.computation import SpectrumComputation
from worker.spectra.plan import DensityPlan, SpectrumPlan
from worker.spectra.spectrum import exact_spectrum

VALUES = torch.cat([torch.tensor([8.0, 5.0, -4.0]), torch.linspace(-1, 1, 117)])


def test_products_and_all_eigenvalues_tell_the_same_of_a_spectrum() -> None:
    hessians = torch.stack([symmetric(VALUES, 0), symmetric(2 * VALUES, 1)])
    density = DensityPlan(probes=3, steps=20, broadening=0.05)
    plan = SpectrumPlan(
        top=4,
        eigenvectors=True,
        density=density,
        seed=0,
        starts=[7, 9],
        storage=Storage.of(hessians),
    )
    found = SpectrumComputation.begin(plan, size=120, like=hessians).run(
        DenseOperator(matrices=hessians), on_product=lambda _: None
    )
    eigenvalues, vectors = torch.linalg.eigh(hessians)
    exact = exact_spectrum(eigenvalues, vectors, top=4, density_plan=density)

    assert torch.allclose(found.largest, exact.largest, atol=1e-9)
    assert torch.allclose(found.smallest, exact.smallest, atol=1e-9)
    for each in (found, exact):
        assert each.complete.all()
        assert each.largest_converged.all()
        assert each.smallest_converged.all()
        assert (each.largest_bounds <= 1e-8 * 16).all()
    assert found.eigenpairs is not None
    assert exact.eigenpairs is not None
    assert torch.allclose(found.eigenpairs.values, exact.eigenpairs.values, atol=1e-9)
    # The outliers are simple, so their vectors are the same but for signs.
    overlap = (found.eigenpairs.vectors * exact.eigenpairs.vectors).sum(dim=2).abs()
    assert torch.allclose(overlap[:, [0, -2, -1]], torch.ones(2, 3).double())
    assert found.density is not None
    assert exact.density is not None
    for one, other in zip(found.density, exact.density, strict=True):
        assert one is not None
        assert other is not None
        assert (one.probes, one.steps, one.broadening) == (3, 20, 0.05)
        assert (other.probes, other.steps, other.broadening) == (0, 0, 0.05)
        assert torch.allclose(one.outliers, other.outliers, atol=1e-9)
    assert exact.density[0] is not None
    assert torch.allclose(
        exact.density[0].outliers, torch.tensor([-4.0, 5.0, 8.0]).double()
    )


def test_without_a_density_nothing_is_sampled() -> None:
    hessians = symmetric(VALUES)[None]
    plan = SpectrumPlan(
        top=2,
        eigenvectors=False,
        density=None,
        seed=0,
        starts=[0],
        storage=Storage.of(hessians),
    )

    found = SpectrumComputation.begin(plan, size=120, like=hessians).run(
        DenseOperator(matrices=hessians), on_product=lambda _: None
    )

    assert found.density is found.trace is found.frobenius_norm is None
    assert found.eigenpairs is None
    assert found.inertia(torch.tensor([1e-5])) is None
