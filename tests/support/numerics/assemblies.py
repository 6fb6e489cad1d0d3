"""Assembled Hessians against plain double backward passes."""

import torch
from torch import Tensor, nn
from torch.autograd import functional

from worker.networks.curved import with_curvature
from worker.networks.losses import LOSSES
from worker.networks.weights import ParameterLayout
from worker.objectives.assembly.assembly import assembly_of
from worker.objectives.graphs.graphs import NetworkLoss


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def problem(module: nn.Module, x: Tensor, loss: str) -> NetworkLoss:
    """The network with targets that fit."""
    layout = ParameterLayout.of(module)
    named = layout.unflatten(draw(1, layout.parameters).to(x.device))
    values = {name: value[0] for name, value in named.items()}
    outputs = torch.func.functional_call(module, values, (x,))
    if loss == "mse":
        y = draw(*outputs.shape, seed=5).to(x.device)
    else:
        classes = torch.arange(outputs[..., 0].numel(), device=x.device)
        y = (classes * 7 % outputs.shape[-1]).view(outputs.shape[:-1])
    return NetworkLoss(
        module=module,
        curved=with_curvature(module),
        layout=layout,
        loss=LOSSES[loss],
        x=x,
        y=y,
    )


def check(
    module: nn.Module,
    x: Tensor,
    loss: str,
    kind: type,
    *,
    runs: int = 1,
    budget: int = 2**30,
) -> None:
    """Compares what an assembly of that kind forms; forward mode is wrong for norms."""
    whole = problem(module, x, loss)
    assembly = assembly_of(whole, kind=loss, budget=budget)
    assert isinstance(assembly, kind)
    theta = draw(runs, whole.layout.parameters, seed=1).to(x.device) / 2
    hessians = assembly(theta)
    assert torch.equal(hessians, hessians.mT)
    for run, hessian in zip(theta, hessians, strict=True):
        exact = torch.as_tensor(
            functional.hessian(lambda flat: whole.value(flat[None])[0], run)
        )
        scale = exact.abs().max().item() + 0.01
        assert (hessian - exact).abs().max().item() <= 1e-10 * scale
