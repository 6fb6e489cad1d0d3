import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torch.autograd import functional

from worker.objectives.closed_forms import polynomial
from worker.objectives.closed_forms.polynomial import PolynomialObjective

QUARTIC = PolynomialObjective(
    coefficients=[0.25, -3.0, 9.0, 0.9, 5.0, 40.0],
    powers=[[4, 0], [2, 0], [1, 0], [0, 4], [0, 2], [0, 0]],
)


def quartic(x: Tensor) -> Tensor:
    a, b = x
    return 0.25 * a**4 - 3 * a**2 + 9 * a + 0.9 * b**4 + 5 * b**2 + 40


def test_quartic_has_its_known_points() -> None:
    root = 2.0**0.5
    theta = torch.tensor([[-3.0, 0.0], [root, 0.0]], dtype=torch.float64)
    value, gradient = QUARTIC.gradient(theta)
    assert gradient[0].tolist() == [0.0, 0.0]
    assert value[0].item() == 0.25 * 81 - 27 - 27 + 40
    assert gradient[1].square().sum().item() == pytest.approx(11.1766, abs=1e-4)
    hessian = QUARTIC.linearise(theta).hessian
    image = hessian.matvec(gradient)
    assert image[1].norm() < 1e-14
    assert QUARTIC.smooth
    assert QUARTIC.samples is None
    assert QUARTIC.warnings == []
    assert QUARTIC.layout.shapes == ((2,),)


@settings(deadline=None)
@given(data=st.data(), variables=st.integers(1, 4), runs=st.integers(1, 3))
def test_derivatives_are_those_of_autograd(
    data: st.DataObject, variables: int, runs: int
) -> None:
    numbers = st.sampled_from([-2.0, -1.0, -0.3, 0.0, 0.5, 1.5])
    power = st.lists(st.integers(0, 4), min_size=variables, max_size=variables)
    powers = data.draw(st.lists(power, min_size=1, max_size=6))
    coefficients = data.draw(
        st.lists(numbers, min_size=len(powers), max_size=len(powers))
    )
    rows = st.lists(numbers, min_size=variables, max_size=variables)
    points = data.draw(st.lists(rows, min_size=runs, max_size=runs))
    theta = torch.tensor(points, dtype=torch.float64)

    def written_out(x: Tensor) -> Tensor:
        total = x.sum() * 0.0
        for coefficient, exponents in zip(coefficients, powers, strict=True):
            term = torch.tensor(coefficient, dtype=torch.float64)
            for i, exponent in enumerate(exponents):
                for _ in range(exponent):
                    term = term * x[i]
            total = total + term
        return total

    objective = PolynomialObjective(coefficients=coefficients, powers=powers)
    point = objective.linearise(theta)
    for row in range(runs):
        x = theta[row]
        torch.testing.assert_close(point.value[row], written_out(x))
        torch.testing.assert_close(point.gradient[row], torch.func.grad(written_out)(x))
        torch.testing.assert_close(
            point.hessian.dense()[row], functional.hessian(written_out, x)
        )
    torch.testing.assert_close(objective.value(theta), point.value)


def test_runs_in_parts_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    theta = torch.randn(7, 2, dtype=torch.float64)
    whole = QUARTIC.linearise(theta)
    monkeypatch.setattr(polynomial, "_CHUNK_ENTRIES", 24)
    parts = QUARTIC.linearise(theta)
    torch.testing.assert_close(whole.value, parts.value)
    torch.testing.assert_close(whole.hessian.dense(), parts.hessian.dense())
    assert QUARTIC.bytes_needed(7) > 0
    torch.testing.assert_close(whole.value[3], quartic(theta[3]))
