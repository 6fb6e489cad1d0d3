from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from tests.support.numerics.matrices import symmetric
from worker.linalg.extremes.basis import Storage
from worker.linalg.operators import DenseOperator
from worker.spectra.computation import SpectrumComputation
from worker.spectra.plan import DensityPlan, SpectrumPlan, products_at_most
from worker.spectra.spectrum import Spectrum

SIZE = 90
HESSIANS = torch.stack(
    [
        symmetric(values, seed)
        for seed, values in enumerate(
            [
                torch.linspace(-1, 3, SIZE),
                torch.cat(
                    [torch.tensor([9.0, 9.0, -4.0, -4.0]), torch.zeros(SIZE - 4)]
                ),
                torch.cat([torch.logspace(1, -2, 20), -1e-3 * torch.ones(SIZE - 20)]),
            ]
        )
    ]
)
WORKING = Storage.of(HESSIANS)
SINGLE = Storage(dtype=torch.float32, device=torch.device("cpu"))


def plan(
    *,
    top: int = 3,
    density: DensityPlan | None = None,
    storage: Storage = WORKING,
    starts: tuple[int, ...] = (0, 1, 2),
) -> SpectrumPlan:
    return SpectrumPlan(
        top=top,
        eigenvectors=True,
        density=density,
        seed=4,
        starts=starts,
        storage=storage,
    )


def spectrum(
    wanted: SpectrumPlan,
    matrices: Tensor = HESSIANS,
    on_product: Callable[[int], None] = lambda _: None,
) -> Spectrum:
    computation = SpectrumComputation.begin(
        wanted, size=matrices.shape[1], like=matrices
    )
    return computation.run(DenseOperator(matrices=matrices), on_product=on_product)


class Interrupted(Exception):
    pass


def tensors(found: object) -> list[Tensor]:
    if isinstance(found, Tensor):
        return [found]
    if isinstance(found, tuple):
        return [tensor for each in found for tensor in tensors(each)]
    if not hasattr(found, "__dataclass_fields__"):
        return [torch.tensor(found)] if isinstance(found, int | float | bool) else []
    return [
        tensor
        for each in fields(found)  # pyright: ignore[reportArgumentType]
        for tensor in tensors(getattr(found, each.name))
    ]


@pytest.mark.parametrize("top", [3, 0])
@pytest.mark.parametrize("storage", [WORKING, SINGLE], ids=["working", "single"])
def test_a_computation_broken_off_at_every_product_ends_with_the_same_bits(
    storage: Storage, top: int
) -> None:
    wanted = plan(top=top, density=DensityPlan(probes=2, steps=7), storage=storage)
    whole = spectrum(wanted)

    computation = SpectrumComputation.begin(wanted, size=SIZE, like=HESSIANS)
    broken_off = 0
    found: Spectrum | None = None
    while found is None:
        last = -1

        def stop(done: int) -> None:
            nonlocal last
            last = done
            raise Interrupted

        try:
            found = computation.run(DenseOperator(matrices=HESSIANS), on_product=stop)
        except Interrupted:
            broken_off += 1
            assert last == broken_off
            state = {
                name: each.clone() for name, each in computation.to_tensors().items()
            }
            computation = SpectrumComputation.from_tensors(wanted, state, like=HESSIANS)

    assert broken_off == int(whole.products.max())
    assert broken_off <= products_at_most(wanted, SIZE)
    expected, got = tensors(whole), tensors(found)
    assert len(expected) == len(got) > 20
    for one, other in zip(expected, got, strict=True):
        assert torch.equal(one, other)


def test_a_run_is_the_same_in_every_batch() -> None:
    density = DensityPlan(probes=2, steps=7)
    together = spectrum(plan(density=density))

    for run in range(3):
        alone = spectrum(plan(density=density, starts=(run,)), HESSIANS[run : run + 1])
        assert alone.products[0] == together.products[run]
        assert torch.allclose(alone.largest[0], together.largest[run], atol=1e-12)
        assert torch.allclose(alone.smallest[0], together.smallest[run], atol=1e-12)
        assert alone.trace is not None
        assert together.trace is not None
        # In an eigenspace of many dimensions rounding chooses the vectors found.
        difference = (alone.trace.value[0] - together.trace.value[run]).abs()
        assert difference <= together.trace.standard_error[run] + 1e-12


@pytest.mark.parametrize("storage", [WORKING, SINGLE], ids=["working", "single"])
def test_the_bounds_hold_however_precisely_vectors_are_kept(storage: Storage) -> None:
    found = spectrum(plan(storage=storage))

    exact = torch.linalg.eigvalsh(HESSIANS)
    assert found.complete.all()
    for values, bounds, converged, truth in (
        (found.largest, found.largest_bounds, found.largest_converged, exact.flip(1)),
        (found.smallest, found.smallest_bounds, found.smallest_converged, exact),
    ):
        assert converged.all()
        assert ((values - truth[:, :3]).abs() <= bounds + 1e-14).all()
    scale = exact.abs().amax(dim=1)
    allowed = 1e-5 if storage == SINGLE else 1e-8
    assert (found.largest_bounds.amax(dim=1) <= allowed * scale).all()


@pytest.mark.parametrize("storage", [WORKING, SINGLE], ids=["working", "single"])
def test_eigenvectors_have_the_residuals_that_the_bounds_state(
    storage: Storage,
) -> None:
    found = spectrum(plan(storage=storage))

    pairs = found.eigenpairs
    assert pairs is not None
    vectors = pairs.vectors.double()
    bounds = torch.cat([found.smallest_bounds, found.largest_bounds.flip(1)], dim=1)
    residual = vectors @ HESSIANS - pairs.values[:, :, None] * vectors
    assert (residual.norm(dim=2) <= bounds + 1e-14).all()
    gram = vectors @ vectors.mT
    eps = torch.finfo(storage.dtype).eps
    assert torch.allclose(
        gram, torch.eye(6, dtype=torch.float64).expand_as(gram), atol=20 * eps
    )


def test_small_matrices_have_fewer_values_than_asked_for() -> None:
    matrices = symmetric([1.0, 2.0, -3.0])[None]
    found = spectrum(
        plan(top=10, density=DensityPlan(probes=2, steps=5), starts=(0,)), matrices
    )

    assert found.largest[0].tolist() == pytest.approx([2.0, 1.0, -3.0])
    assert found.smallest[0].tolist() == pytest.approx([-3.0, 1.0, 2.0])
    assert found.complete.all()
    assert found.trace is not None
    assert found.trace.value.item() == pytest.approx(0.0, abs=1e-12)
    assert found.frobenius_norm is not None
    assert found.frobenius_norm.value.item() == pytest.approx(14**0.5)
    counts = found.inertia(torch.tensor([1e-5], dtype=torch.float64))
    assert counts is not None
    assert (counts.negative.item(), counts.positive.item()) == (1, 2)


def test_a_density_alone_takes_the_products_of_its_probes() -> None:
    density = DensityPlan(probes=4, steps=30)

    found = spectrum(plan(top=0, density=density))

    assert found.products.tolist() == [120, 120, 120]
    assert found.largest.shape == found.smallest.shape == (3, 0)
    assert found.trace is not None
    exact = torch.einsum("rii->r", HESSIANS)
    assert ((found.trace.value - exact).abs() <= 5 * found.trace.standard_error).all()
    magnitude = torch.linalg.eigvalsh(HESSIANS).abs().amax(dim=1)
    assert torch.allclose(found.largest_magnitude(), magnitude, rtol=1e-3)
    assert found.density is not None
    for each in found.density:
        assert each is not None
        assert torch.trapezoid(each.values, each.grid).item() == pytest.approx(1.0)
        assert not len(each.outliers)


@pytest.mark.parametrize("top", [3, 0])
def test_a_run_that_is_not_finite_leaves_the_others_alone(top: int) -> None:
    matrices = HESSIANS.clone()
    matrices[1, 2, 2] = torch.nan

    found = spectrum(plan(top=top, density=DensityPlan(probes=2, steps=5)), matrices)

    assert found.largest_magnitude().isnan().tolist() == [False, True, False]
    assert top == 0 or found.complete.tolist() == [True, False, True]
    assert found.density is not None
    assert [each is None for each in found.density] == [False, True, False]
    assert found.trace is not None
    assert found.trace.value.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("top", [1, 4])
def test_vectors_of_a_known_kernel_take_no_search_below_it(top: int) -> None:
    decay = 10.0 / torch.arange(1, 101) ** 2
    matrix = symmetric(torch.cat([decay, torch.zeros(300)]) + 0.5, 0)[None]
    unknown = replace(plan(top=top), starts=(0,))

    searched = spectrum(unknown, matrix)
    found = spectrum(replace(unknown, smallest=0.5, least=0.5), matrix)

    assert found.products.item() < searched.products.item()
    assert found.complete.all()
    assert (found.smallest == 0.5).all()
    assert found.smallest_converged.all()
    assert torch.allclose(found.largest, searched.largest, atol=1e-10)
    assert found.eigenpairs is not None
    kernel = found.eigenpairs.vectors[0, :top]
    assert torch.allclose(kernel @ kernel.T, torch.eye(top).double(), atol=1e-12)
    assert (kernel @ matrix[0] - 0.5 * kernel).norm(dim=1).max() < 1.1e-7


@pytest.mark.parametrize("top", [1, 4])
def test_values_near_the_least_that_is_possible_need_no_vectors(top: int) -> None:
    decay = torch.logspace(1, -14, 150)
    matrix = symmetric(torch.cat([decay, torch.zeros(150)]) + 0.5, 0)[None]
    unknown = replace(plan(top=top), starts=(0,), eigenvectors=False)

    searched = spectrum(unknown, matrix)
    found = spectrum(replace(unknown, least=0.5), matrix)

    truth = torch.linalg.eigvalsh(matrix[0])[:top]
    assert found.products.item() < searched.products.item()
    assert found.complete.all()
    assert found.smallest_converged.all()
    assert found.largest_converged.all()
    error = (found.smallest[0] - truth).abs()
    assert (error <= found.smallest_bounds[0] + 1e-13).all()
