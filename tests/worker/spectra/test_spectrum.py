import torch

from tests.support.numerics.matrices import symmetric
from worker.linalg.extremes.basis import Storage
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


def test_a_density_of_all_eigenvalues_needs_no_extremes() -> None:
    eigenvalues, vectors = torch.linalg.eigh(symmetric(VALUES)[None])
    density = DensityPlan(probes=3, steps=20, broadening=0.05)

    alone, beside = (
        exact_spectrum(eigenvalues, vectors, top=top, density_plan=density)
        for top in (0, 4)
    )

    assert alone.largest.shape == alone.smallest.shape == (1, 0)
    assert alone.density is not None
    assert beside.density is not None
    for one, other in zip(alone.density, beside.density, strict=True):
        assert one is not None
        assert other is not None
        assert torch.equal(one.values, other.values)


def test_smallest_eigenvalues_that_are_known_cost_nothing() -> None:
    steps = torch.arange(100, dtype=torch.float64)
    values = torch.cat([torch.full((300,), 0.5).to(steps), 0.5 + 0.9**steps])
    matrix = symmetric(values)[None]
    plan = SpectrumPlan(
        top=5,
        eigenvectors=False,
        density=DensityPlan(probes=8, steps=20),
        seed=0,
        starts=[0],
        storage=Storage.of(matrix),
        smallest=0.5,
    )

    found = SpectrumComputation.begin(plan, size=400, like=matrix).run(
        DenseOperator(matrices=matrix), on_product=lambda _: None
    )

    assert torch.equal(found.smallest, torch.full((1, 5), 0.5).double())
    assert torch.allclose(found.largest, values.sort().values.flip(0)[None, :5])
    assert found.complete.all()
    assert found.smallest_converged.all()
    assert found.largest_converged.all()
    assert int(found.products[0]) < 100 + 8 * 20
    assert found.trace is not None
    error = (found.trace.value - values.sum()).abs()
    assert (error < 5 * found.trace.standard_error).all()
    inertia = found.inertia(torch.tensor([1e-5]))
    assert inertia is not None
    assert int(inertia.negative[0]) == 0


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
