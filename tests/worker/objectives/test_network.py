from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import functional
from typing_extensions import override

from worker.errors import RunError
from worker.networks import layers
from worker.networks.activations import ACTIVATIONS, activation
from worker.networks.architectures import mlp, sequential
from worker.networks.weights import ParameterLayout
from worker.objectives.determinism import check_determinism
from worker.objectives.network import NetworkObjective


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def classes(count: int, outputs: int) -> Tensor:
    return torch.arange(count) * 7 % outputs


def convolutional(pool: nn.Module) -> nn.Module:
    return sequential(
        [
            layers.conv2d(1, 2, kernel_size=2, bias=False),
            activation("swish"),
            layers.Residual(
                [layers.conv2d(2, 3, kernel_size=3, padding=1), activation("gelu")],
                [layers.conv2d(2, 3, kernel_size=1)],
            ),
            pool,
            layers.flatten(),
            layers.layer_norm([3]),
            layers.linear(3, 3),
        ]
    )


class Attention(nn.Module):
    """A layer that only automatic differentiation knows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(1, device="meta"))
        self.project = layers.linear(width, 3 * width)
        self.norm = layers.layer_norm([width])
        self.unused = layers.linear(width, 1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.project(self.norm(x)).chunk(3, dim=-1)
        mixed = (self.scale * query @ key.mT).softmax(-1) @ value
        return (x + mixed).mean(1)


Case = Callable[[], tuple[nn.Module, Tensor, Tensor, str]]
CASES: dict[str, Case] = {
    **{
        name: lambda name=name: (mlp([3, 4, 2], name), draw(9, 3), draw(9, 2), "mse")
        for name in ACTIVATIONS
    },
    "classifier": lambda: (
        mlp([3, 4, 4, 3], "tanh", bias=False),
        draw(9, 3),
        classes(9, 3),
        "cross_entropy",
    ),
    "one layer": lambda: (mlp([3, 2], "tanh"), draw(9, 3), draw(9, 2), "mse"),
    "sequential": lambda: (
        sequential(
            [
                layers.layer_norm([3], affine=False),
                layers.linear(3, 4),
                layers.Residual([layers.linear(4, 4), activation("softplus")]),
                layers.linear(4, 2, bias=False),
            ]
        ),
        draw(9, 3),
        draw(9, 2),
        "mse",
    ),
    "fully connected": lambda: (
        sequential(
            [
                layers.flatten(),
                layers.linear(4, 3, bias=False),
                activation("gelu"),
                layers.linear(3, 3),
                layers.linear(3, 2, bias=False),
                activation("tanh"),
                layers.linear(2, 2),
            ]
        ),
        draw(9, 1, 2, 2),
        draw(9, 2),
        "mse",
    ),
    "average pool": lambda: (
        convolutional(layers.avg_pool2d(kernel_size=2)),
        draw(9, 1, 3, 3),
        classes(9, 3),
        "cross_entropy",
    ),
    "attention": lambda: (Attention(3), draw(9, 2, 3), classes(9, 3), "cross_entropy"),
    "foreign pool": lambda: (
        sequential(
            [
                layers.conv2d(1, 2, kernel_size=2),
                nn.MaxPool2d(2, ceil_mode=True),
                layers.flatten(),
                layers.linear(2, 3),
            ]
        ),
        draw(9, 1, 3, 3),
        classes(9, 3),
        "cross_entropy",
    ),
    "max pool": lambda: (
        convolutional(layers.max_pool2d(kernel_size=2)),
        draw(9, 1, 3, 3),
        classes(9, 3),
        "cross_entropy",
    ),
}


def direct_loss(
    module: nn.Module, x: Tensor, y: Tensor, loss: str, l2: float
) -> Callable[[Tensor], Tensor]:
    """The loss of one flat vector, from PyTorch's own losses."""
    layout = ParameterLayout.of(module)

    def evaluate(theta: Tensor) -> Tensor:
        named = {k: v[0] for k, v in layout.unflatten(theta[None]).items()}
        outputs = torch.func.functional_call(module, named, (x,))
        kind = nn.functional.mse_loss if loss == "mse" else nn.functional.cross_entropy
        return kind(outputs, y) + l2 * (theta * theta).sum()

    return evaluate


@pytest.mark.parametrize("budget", [2**30, 60_000, 5_000])
@pytest.mark.parametrize("case", list(CASES))
def test_derivatives_are_those_of_the_mean_loss(
    case: str, budget: int, device: torch.device
) -> None:
    module, x, y, loss = CASES[case]()
    x, y = x.to(device), y.to(device)
    objective = NetworkObjective(
        module=module, x=x, y=y, loss=loss, l2=0.01, memory_budget_bytes=budget
    )
    theta = draw(3, objective.parameters, seed=1).to(device) / 2
    vectors = draw(3, objective.parameters, seed=2).to(device)
    point = objective.linearise(theta)
    products, dense = point.hessian.matvec(vectors), point.hessian.dense()
    taken = point.hessian.take(torch.tensor([2, 0], device=device))
    direct = direct_loss(module, x, y, loss, 0.01)
    for row in range(3):
        exact = torch.as_tensor(functional.hessian(direct, theta[row]))
        (gradient,) = torch.autograd.grad(
            direct(leaf := theta[row].clone().requires_grad_()), leaf
        )
        torch.testing.assert_close(point.value[row], direct(theta[row]))
        torch.testing.assert_close(point.gradient[row], gradient)
        torch.testing.assert_close(dense[row], exact, rtol=1e-10, atol=1e-13)
        torch.testing.assert_close(products[row], exact @ vectors[row])
    torch.testing.assert_close(point.hessian.matvec(vectors), products)
    torch.testing.assert_close(taken.matvec(vectors[[2, 0]]), products[[2, 0]])
    assert torch.equal(dense, dense.mT)
    value, gradient = objective.gradient(theta)
    torch.testing.assert_close(value, point.value)
    torch.testing.assert_close(gradient, point.gradient)
    torch.testing.assert_close(objective.value(theta), point.value)


def test_a_run_does_not_see_its_batch(device: torch.device) -> None:
    module, x, y, loss = CASES["average pool"]()
    x, y = x.to(device), y.to(device)
    objective = NetworkObjective(module=module, x=x, y=y, loss=loss)
    theta = draw(5, objective.parameters).to(device)
    together, alone = objective.linearise(theta), objective.linearise(theta[3:4])
    torch.testing.assert_close(together.gradient[3:4], alone.gradient)
    torch.testing.assert_close(
        together.hessian.matvec(theta)[3:4], alone.hessian.matvec(theta[3:4])
    )
    broken = theta.clone()
    broken[0] = float("nan")
    beside = objective.linearise(broken)
    assert beside.gradient[0].isnan().all()
    torch.testing.assert_close(beside.gradient[1:], together.gradient[1:])


def test_smoothness_and_its_warning() -> None:
    module, x, y, loss = CASES["relu"]()
    objective = NetworkObjective(module=module, x=x, y=y, loss=loss)
    assert not objective.smooth
    assert len(objective.warnings) == 1
    assert "relu" in objective.warnings[0]
    module, x, y, loss = CASES["swish"]()
    objective = NetworkObjective(module=module, x=x, y=y, loss=loss)
    assert objective.smooth
    assert objective.warnings == []
    assert objective.samples == 9


def test_precision_is_that_of_the_inputs() -> None:
    module, x, y, loss = CASES["swish"]()
    objective = NetworkObjective(module=module, x=x.float(), y=y, loss=loss)
    point = objective.linearise(draw(2, objective.parameters).float())
    assert {point.value.dtype, point.gradient.dtype} == {torch.float32}
    assert point.hessian.dense().dtype == torch.float32
    assert objective.dtype == torch.float32


def test_integer_targets_of_mse_are_cast() -> None:
    module = mlp([3, 1], "tanh")
    y = torch.tensor([[3], [5]])
    objective = NetworkObjective(module=module, x=draw(2, 3), y=y, loss="mse")
    zero = torch.zeros(1, 4, dtype=torch.float64)
    assert objective.value(zero).item() == 17.0


MISFITS: dict[str, tuple[nn.Module, Tensor, Tensor, str]] = {
    "do not fit the network": (mlp([4, 2], "tanh"), draw(5, 3), draw(5, 2), "mse"),
    "targets \\[3\\]": (mlp([3, 2], "tanh"), draw(5, 3), draw(5, 3), "mse"),
    "5 inputs, 4 targets": (mlp([3, 2], "tanh"), draw(5, 3), draw(4, 2), "mse"),
    "from 0 to 1": (
        mlp([3, 2], "tanh"),
        draw(5, 3),
        classes(5, 3),
        "cross_entropy",
    ),
    "one integer a sample": (
        mlp([3, 2], "tanh"),
        draw(5, 3),
        draw(5, 2),
        "cross_entropy",
    ),
}


@pytest.mark.parametrize("message", list(MISFITS))
def test_data_that_do_not_fit_are_refused(message: str) -> None:
    module, x, y, loss = MISFITS[message]
    with pytest.raises(RunError, match=message) as caught:
        NetworkObjective(module=module, x=x, y=y, loss=loss)
    assert caught.value.code == "dataset_invalid"


def test_networks_without_parameters_are_refused() -> None:
    module = sequential([activation("tanh")])
    with pytest.raises(RunError, match="no parameters"):
        NetworkObjective(module=module, x=draw(2, 3), y=draw(2, 3), loss="mse")


def test_determinism_is_checked_bit_for_bit() -> None:
    module, x, y, loss = CASES["swish"]()
    objective = NetworkObjective(module=module, x=x, y=y, loss=loss)
    theta = draw(2, objective.parameters)
    check_determinism(objective, theta)
    check_determinism(objective, theta * float("nan"))
    noisy = sequential([layers.linear(3, 2), nn.Dropout(0.5)])
    objective = NetworkObjective(module=noisy, x=x, y=y, loss=loss)
    with pytest.raises(RunError, match="differ") as caught:
        check_determinism(objective, draw(1, objective.parameters))
    assert caught.value.code == "nondeterministic_objective"


def test_memory_estimates_follow_runs_and_the_budget() -> None:
    module, x, y, loss = CASES["swish"]()
    small = NetworkObjective(
        module=module, x=x, y=y, loss=loss, memory_budget_bytes=5_000
    )
    large = NetworkObjective(module=module, x=x, y=y, loss=loss)
    assert small.bytes_needed(8) < large.bytes_needed(8)
    assert large.bytes_needed(8) < large.bytes_needed(16)
