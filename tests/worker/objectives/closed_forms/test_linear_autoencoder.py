import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torch.autograd import functional

from worker.objectives.closed_forms.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)


def from_data(x: Tensor, theta: Tensor, hidden: int) -> Tensor:
    encoder, decoder = theta.chunk(2)
    encoder = encoder.view(hidden, x.shape[1])
    decoder = decoder.view(x.shape[1], hidden)
    return (x - x @ encoder.T @ decoder.T).square().mean()


@settings(deadline=None, max_examples=25)
@given(
    k=st.integers(2, 6),
    hidden=st.integers(1, 7),
    n=st.integers(2, 30),
    runs=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_derivatives_are_those_of_the_data(
    *, device: torch.device, k: int, hidden: int, n: int, runs: int, seed: int
) -> None:
    x = autoencoder_samples(input_size=k, samples=n, seed=seed).x.to(device)
    objective = LinearAutoencoderObjective(x=x, hidden_size=hidden)
    generator = torch.Generator().manual_seed(seed)
    shape = runs, objective.parameters
    theta = torch.randn(shape, generator=generator, dtype=torch.float64).to(device)
    vectors = torch.randn(shape, generator=generator, dtype=torch.float64).to(device)
    point = objective.linearise(theta)
    dense, products = point.hessian.dense(), point.hessian.matvec(vectors)
    for row in range(runs):

        def loss(t: Tensor) -> Tensor:
            return from_data(x, t, hidden)

        t = theta[row]
        exact = torch.as_tensor(functional.hessian(loss, t))
        torch.testing.assert_close(point.value[row], loss(t), rtol=1e-12, atol=0.0)
        torch.testing.assert_close(
            point.gradient[row], torch.func.grad(loss)(t), rtol=1e-11, atol=1e-12
        )
        torch.testing.assert_close(dense[row], exact, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(
            products[row], exact @ vectors[row], rtol=1e-11, atol=1e-11
        )
    assert torch.equal(dense, dense.mT)
    value, gradient = objective.gradient(theta)
    assert torch.equal(value, objective.value(theta))
    assert torch.equal(gradient, point.gradient)


def test_taken_runs_keep_their_hessians() -> None:
    x = autoencoder_samples(input_size=4, samples=20, seed=0).x
    objective = LinearAutoencoderObjective(x=x, hidden_size=2)
    theta = torch.randn(5, 16, dtype=torch.float64)
    hessian = objective.linearise(theta).hessian
    taken = hessian.take(torch.tensor([4, 1]))
    assert (taken.runs, taken.size) == (2, 16)
    assert torch.equal(taken.dense(), hessian.dense()[[4, 1]])


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-6])
def test_tiny_losses_keep_nine_digits(scale: float) -> None:
    # As many hidden units as inputs: the loss can vanish.
    x = autoencoder_samples(input_size=3, samples=500, seed=0).x
    objective = LinearAutoencoderObjective(x=x, hidden_size=3)
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    mixing = mixing + 3 * torch.eye(3)
    theta = torch.stack([mixing, torch.linalg.inv(mixing)]).reshape(1, -1)
    noise = torch.randn(theta.shape, generator=generator, dtype=torch.float64)
    theta = theta + scale * noise
    direct = from_data(x, theta[0], 3)
    assert direct < 100 * scale**2
    torch.testing.assert_close(objective.value(theta)[0], direct, rtol=1e-9, atol=0.0)


def test_the_data_are_centred_and_known_by_their_seed() -> None:
    samples = autoencoder_samples(input_size=5, samples=20_000, seed=3)
    assert samples.autoencoder
    assert samples.x.mean(0).abs().max() < 1e-13
    variances = samples.x.var(0)
    torch.testing.assert_close(
        variances, torch.arange(1.0, 6.0).double(), rtol=0.04, atol=0.0
    )
    again = autoencoder_samples(input_size=5, samples=20_000, seed=3)
    other = autoencoder_samples(input_size=5, samples=20_000, seed=4)
    assert torch.equal(samples.x, again.x)
    assert not torch.equal(samples.x, other.x)


def test_precision_is_that_of_the_data() -> None:
    x = autoencoder_samples(input_size=4, samples=50, seed=0).x
    objective = LinearAutoencoderObjective(x=x.float(), hidden_size=2)
    theta = torch.randn(2, 16)
    point = objective.linearise(theta)
    assert {point.value.dtype, point.gradient.dtype} == {torch.float32}
    assert point.hessian.dense().dtype == torch.float32
    assert objective.dtype == torch.float32
    assert objective.samples == 50
    assert objective.bytes_needed(2) > 0
    torch.testing.assert_close(
        point.value[0].double(), from_data(x, theta[0].double(), 2), rtol=1e-5, atol=0.0
    )
