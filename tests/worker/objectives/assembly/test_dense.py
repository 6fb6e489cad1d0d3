import pytest
import torch
from hypothesis import example, given, settings, strategies as st
from torch import Tensor, nn
from torch.autograd import functional

from worker.networks.activations import ACTIVATIONS
from worker.networks.architectures import dense_layers, mlp
from worker.networks.losses import LOSSES
from worker.networks.weights import ParameterLayout
from worker.objectives.assembly import dense as dense_assembly
from worker.objectives.assembly.dense import DenseAssembly


def draw(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def assembly(module: nn.Module, loss: str, x: Tensor, y: Tensor) -> DenseAssembly:
    found = dense_layers(module, vectors=True)
    assert found is not None
    layout = ParameterLayout.of(module)
    return DenseAssembly(layers=found, layout=layout, loss=loss, x=x, y=y, budget=2**30)


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(["mse", "cross_entropy"]),
    bias=st.booleans(),
    samples=st.integers(1, 40),
    runs=st.integers(1, 3),
)
@example(sizes=[9, 2, 1], activation="swish", loss="mse", bias=True, samples=40, runs=2)
@example(
    sizes=[2, 3, 2, 3, 2, 3],
    activation="gelu",
    loss="cross_entropy",
    bias=True,
    samples=40,
    runs=2,
)
def test_assembled_hessians_are_those_of_autograd(
    *,
    device: torch.device,
    sizes: list[int],
    activation: str,
    loss: str,
    bias: bool,
    samples: int,
    runs: int,
) -> None:
    module = mlp(sizes, activation, bias=bias)
    layout = ParameterLayout.of(module)
    x = draw(samples, sizes[0], seed=0).to(device)
    y = draw(samples, sizes[-1], seed=1).to(device)
    if loss == "cross_entropy":
        y = torch.arange(samples, device=device) % sizes[-1]
    theta = draw(runs, layout.parameters, seed=2).to(device)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense_assembly, "_CACHE_BYTES", 1)  # chunks of 16 samples
        hessians = assembly(module, loss, x, y)(theta)

    def direct(flat: Tensor) -> Tensor:
        named = {k: v[0] for k, v in layout.unflatten(flat[None]).items()}
        return LOSSES[loss](torch.func.functional_call(module, named, (x,)), y)

    for row in range(runs):
        exact = torch.as_tensor(functional.hessian(direct, theta[row]))
        scale = exact.abs().max().item() + 1e-300
        difference = (hessians[row] - exact).abs().max().item()
        assert difference <= 1e-12 * scale
        skew = (hessians[row] - hessians[row].mT).abs().max().item()
        assert skew <= 1e-14 * scale


def test_runs_in_one_piece_agree_with_runs_alone(device: torch.device) -> None:
    module = mlp([4, 3, 2], "tanh")
    x, y = draw(50, 4, seed=0).to(device), draw(50, 2, seed=1).to(device)
    form = assembly(module, "mse", x, y)
    theta = draw(6, ParameterLayout.of(module).parameters, seed=2).to(device)
    alone = torch.cat([form(row) for row in theta.split(1)])
    torch.testing.assert_close(form(theta), alone, rtol=1e-13, atol=1e-13)


def test_precision_is_that_of_the_inputs() -> None:
    module = mlp([4, 3, 2], "tanh")
    x = draw(50, 4, seed=0).float()
    y = torch.arange(50) % 2
    theta = draw(2, ParameterLayout.of(module).parameters, seed=2).float()
    hessians = assembly(module, "cross_entropy", x, y)(theta)
    assert hessians.dtype == torch.float32
