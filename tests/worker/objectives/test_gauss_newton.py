"""Gauss-Newton matrices against ``J^T C J`` written out with dense Jacobians."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import functional
from typing_extensions import override

from worker.networks import layers
from worker.networks.activations import activation
from worker.networks.architectures import mlp, sequential
from worker.networks.weights import ParameterLayout
from worker.objectives.closed_forms.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)
from worker.objectives.network import NetworkObjective


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


class Transformer(nn.Module):
    """Attention with a residual, a norm, and one class at every position."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.attention = layers.attention(width, 2, bias=True, causal=True)
        self.norm = layers.layer_norm([width])
        self.head = layers.linear(width, classes)
        self.unused = layers.linear(2, 1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(x + self.attention(x)))


def convolution() -> nn.Module:
    return sequential(
        [
            layers.conv2d(1, 2, kernel_size=2, bias=False),
            activation("swish"),
            layers.max_pool2d(kernel_size=2, stride=1),
            layers.Residual(
                [layers.conv2d(2, 3, kernel_size=3, padding=1), activation("gelu")],
                [layers.conv2d(2, 3, kernel_size=1)],
            ),
            layers.avg_pool2d(kernel_size=2, stride=1),
            layers.flatten(),
            layers.linear(12, 3),
        ]
    )


Case = Callable[[], tuple[nn.Module, Tensor]]
CASES: dict[str, Case] = {
    "mlp": lambda: (mlp([3, 4, 3], "tanh"), draw(9, 3)),
    "rectified": lambda: (mlp([3, 5, 3], "relu"), draw(9, 3)),
    "one layer": lambda: (mlp([3, 2], "tanh"), draw(9, 3)),
    "convolution": lambda: (convolution(), draw(7, 1, 5, 5)),
    "attention": lambda: (Transformer(4, 3), draw(5, 3, 4)),
}


def matrix(module: nn.Module, x: Tensor, theta: Tensor, loss: str, l2: float) -> Tensor:
    """The mean of ``J^T C J`` over the samples, and twice ``l2`` on the diagonal."""
    layout = ParameterLayout.of(module)

    def outputs(flat: Tensor, sample: Tensor) -> Tensor:
        named = {k: v[0] for k, v in layout.unflatten(flat[None]).items()}
        return torch.func.functional_call(module, named, (sample[None],))[0]

    total = 2 * l2 * torch.eye(len(theta)).to(theta)
    for sample in x:
        value = outputs(theta, sample)
        jacobian = torch.as_tensor(
            functional.jacobian(lambda flat, s=sample: outputs(flat, s), theta)
        )
        if loss == "mse":
            curved = jacobian * 2 / value.numel()
        else:
            p = value.softmax(-1)[..., None]
            curved = p * jacobian - p * (p * jacobian).sum(-2, keepdim=True)
            curved = curved / value[..., 0].numel()
        rows = (value.numel(), -1)
        total += jacobian.reshape(rows).T @ curved.reshape(rows) / len(x)
    return total


def targets(outputs: Tensor, loss: str) -> Tensor:
    return (
        draw(*outputs.shape, seed=3).to(outputs)
        if loss == "mse"
        else outputs.argmin(-1)
    )


@pytest.mark.parametrize("budget", [2**30, 20_000])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("case", list(CASES))
def test_matrices_are_those_of_dense_jacobians(
    case: str, loss: str, budget: int, device: torch.device
) -> None:
    module, x = CASES[case]()
    x = x.to(device)
    layout = ParameterLayout.of(module)
    theta = draw(3, layout.parameters, seed=1).to(device) / 2
    named = {k: v[0] for k, v in layout.unflatten(theta[:1]).items()}
    y = targets(torch.func.functional_call(module, named, (x,)), loss)
    objective = NetworkObjective(
        module=module, x=x, y=y, loss=loss, l2=0.01, memory_budget_bytes=budget
    )
    vectors = draw(3, objective.parameters, seed=2).to(device)
    found = objective.gauss_newton(theta)
    products, dense = found.matvec(vectors), found.dense()
    taken = found.take(torch.tensor([2, 0], device=device))
    assert (found.runs, found.size) == theta.shape
    for row in range(3):
        exact = matrix(module, x, theta[row], loss, 0.01)
        torch.testing.assert_close(dense[row], exact, rtol=1e-10, atol=1e-13)
        torch.testing.assert_close(products[row], exact @ vectors[row])
    torch.testing.assert_close(found.matvec(vectors), products)
    torch.testing.assert_close(taken.matvec(vectors[[2, 0]]), products[[2, 0]])
    assert torch.equal(dense, dense.mT)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_linear_network_has_no_other_curvature(loss: str) -> None:
    x, theta = draw(9, 3), draw(2, 8, seed=1)
    y = draw(9, 2, seed=2)
    objective = NetworkObjective(
        module=mlp([3, 2], "identity"),
        x=x,
        y=y if loss == "mse" else y.argmax(1),
        loss=loss,
        l2=0.1,
    )
    torch.testing.assert_close(
        objective.gauss_newton(theta).dense(),
        objective.linearise(theta).hessian.dense(),
    )


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_few_samples_leave_a_kernel_that_is_known(loss: str) -> None:
    """The rank is at most the six outputs of both samples, beside the penalty."""
    objective = NetworkObjective(
        module=mlp([3, 4, 3], "tanh"),
        x=draw(2, 3),
        y=draw(2, 3, seed=2) if loss == "mse" else torch.tensor([0, 2]),
        loss=loss,
        l2=0.25,
    )
    (matrix,) = objective.gauss_newton(draw(1, 31, seed=1)).dense()

    assert objective.smallest_of_gauss_newton(31, 25) == 0.5
    assert objective.smallest_of_gauss_newton(31, 26) is None
    assert objective.smallest_of_gauss_newton(10, 4) == 0.5
    for block, kernel in ((matrix, 25), (matrix[5:15, 5:15], 4)):
        eigenvalues = torch.linalg.eigvalsh(block)
        assert torch.allclose(eigenvalues[:kernel], torch.tensor(0.5).double())


def test_fisher_information_of_the_classes() -> None:
    """The expected outer product of score vectors, over the network's own classes."""
    module, x = CASES["mlp"]()
    y = torch.zeros(9, dtype=torch.int64)
    objective = NetworkObjective(module=module, x=x, y=y, loss="cross_entropy")
    theta = draw(1, objective.parameters, seed=1)
    layout = ParameterLayout.of(module)

    def logarithms(flat: Tensor) -> Tensor:
        named = {k: v[0] for k, v in layout.unflatten(flat[None]).items()}
        return torch.func.functional_call(module, named, (x,)).log_softmax(-1)

    scores = torch.as_tensor(functional.jacobian(logarithms, theta[0]))
    p = logarithms(theta[0]).exp()
    fisher = torch.einsum("nc,nci,ncj->ij", p, scores, scores) / len(x)
    torch.testing.assert_close(objective.gauss_newton(theta).dense()[0], fisher)


def test_linear_autoencoder_agrees_with_its_network() -> None:
    samples = autoencoder_samples(input_size=4, samples=30, seed=0)
    network = sequential(
        [layers.linear(4, 2, bias=False), layers.linear(2, 4, bias=False)]
    )
    closed = LinearAutoencoderObjective(x=samples.x, hidden_size=2)
    theta = draw(2, closed.parameters, seed=1)
    direct = NetworkObjective(module=network, x=samples.x, y=samples.x, loss="mse")
    found, expected = closed.gauss_newton(theta), direct.gauss_newton(theta)
    torch.testing.assert_close(found.dense(), expected.dense())
    torch.testing.assert_close(found.matvec(theta), expected.matvec(theta))
