"""Layers of kept graphs have the derivatives of PyTorch's own."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from worker.networks.curved import with_curvature
from worker.networks.sequences import attention

SHAPE = (3, 5, 4)
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(4, 6),
    "linear without bias": lambda: nn.Linear(4, 2, bias=False),
    "two linear": lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)),
    "softmax": lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=-1)),
    "layer norm": lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)),
    "layer norm of positions": lambda: nn.LayerNorm([5, 4], eps=0.1),
    "layer norm without bias": lambda: nn.LayerNorm(4, bias=False),
    "layer norm without parameters": lambda: nn.Sequential(
        nn.Linear(4, 7), nn.LayerNorm(7, elementwise_affine=False)
    ),
    "attention": lambda: attention(4, 2, causal=True),
}


def draw(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def parameters(module: nn.Module) -> dict[str, Tensor]:
    return {
        name: draw(*each.shape, seed=seed)
        for seed, (name, each) in enumerate(module.named_parameters(), 1)
    }


@pytest.fixture(params=NETWORKS)
def module(request: pytest.FixtureRequest) -> nn.Module:
    return NETWORKS[request.param]()


def loss_of(module: nn.Module) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    def loss(named: dict[str, Tensor], x: Tensor) -> Tensor:
        outputs = functional_call(module, named, (x,))
        flat = outputs.flatten(-2)
        weights = torch.arange(1.0, 1 + flat.shape[-1], dtype=flat.dtype).cos()
        return (flat @ weights).sin().sum()

    return loss


def everything(module: nn.Module) -> tuple[dict[str, Tensor], Tensor]:
    """Parameters by name, and inputs."""
    named = {
        name: draw(*each.shape, seed=seed)
        for seed, (name, each) in enumerate(module.named_parameters(), 1)
    }
    return named, draw(*SHAPE, seed=0)


def slopes_and_rows(
    module: nn.Module, *, batched: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """Slopes by parameters and inputs, and the rows of the second derivatives."""
    named, x = everything(module)
    leaves = [each.requires_grad_() for each in (*named.values(), x)]
    slopes = torch.autograd.grad(loss_of(module)(named, x), leaves, create_graph=True)
    flat = torch.cat([each.flatten() for each in slopes])
    identity = torch.eye(len(flat), dtype=flat.dtype)
    if batched:
        rows = torch.autograd.grad(flat, leaves, identity, is_grads_batched=True)
        return list(slopes), [each.flatten(1) for each in rows]
    each_row = [
        torch.autograd.grad(flat, leaves, row, retain_graph=True) for row in identity
    ]
    return list(slopes), [
        torch.stack([row.flatten() for row in rows])
        for rows in zip(*each_row, strict=True)
    ]


@pytest.mark.parametrize("batched", [False, True])
def test_derivatives_are_those_of_torch(module: nn.Module, *, batched: bool) -> None:
    expected_slopes, expected_rows = slopes_and_rows(module, batched=False)

    slopes, rows = slopes_and_rows(with_curvature(module), batched=batched)

    torch.testing.assert_close(slopes, expected_slopes)
    torch.testing.assert_close(rows, expected_rows)


def test_runs_together_are_runs_one_by_one(module: nn.Module) -> None:
    named, x = everything(module)
    runs = {name: torch.stack([each, -each, 2 * each]) for name, each in named.items()}
    curved = with_curvature(module)

    def slopes(named: dict[str, Tensor], *, mapped: bool) -> list[Tensor]:
        leaves = [each.clone().requires_grad_() for each in named.values()]
        given = dict(zip(named, leaves, strict=True))
        loss = loss_of(curved)
        value = torch.vmap(loss, (0, None))(given, x) if mapped else loss(given, x)
        slopes = torch.autograd.grad(value.sum(), leaves, create_graph=True)
        bent = torch.stack([each.sin().sum() for each in slopes]).sum()
        return [*slopes, *torch.autograd.grad(bent, leaves)]

    one_by_one = [
        slopes({name: each[run] for name, each in runs.items()}, mapped=False)
        for run in range(3)
    ]
    together = slopes(runs, mapped=True)
    expected = [torch.stack(column) for column in zip(*one_by_one, strict=True)]
    torch.testing.assert_close(together, expected)


def test_layers_keep_their_parameters() -> None:
    layer = nn.Linear(4, 4)
    module = nn.Sequential(layer, nn.LayerNorm(4), layer)

    curved = with_curvature(module)

    assert [name for name, _ in curved.named_parameters()] == [
        name for name, _ in module.named_parameters()
    ]
    assert isinstance(layer, nn.Linear)
    assert type(layer) is nn.Linear
