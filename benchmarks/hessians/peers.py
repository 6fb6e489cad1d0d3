"""The same by other libraries."""

from collections.abc import Callable
from typing import cast

import torch
from curvlinops import HessianLinearOperator
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.hessians.networks import Network
from worker.networks.weights import ParameterLayout

_CRITERIA: dict[str, Callable[[], nn.Module]] = {
    "mse": nn.MSELoss,
    "cross_entropy": nn.CrossEntropyLoss,
}


def curvlinops_product(network: Network, theta: Tensor) -> Callable[[Tensor], Tensor]:
    """Hessian products ``(parameters,)`` at one point, by curvlinops."""
    stock = network.stock().to_empty(device=theta.device).to(theta.dtype)
    nn.utils.vector_to_parameters(theta, stock.parameters())
    operator = HessianLinearOperator(
        stock,
        _CRITERIA[network.loss](),
        list(stock.parameters()),
        [(network.x, network.y)],
        check_deterministic=False,
    )

    def product(vector: Tensor) -> Tensor:
        return cast("Tensor", operator @ vector)

    return product


def torch_hessian(network: Network) -> Callable[[Tensor], Tensor]:
    """Hessians at one point ``(parameters,)``, by ``torch.func.hessian``."""
    stock = network.stock()
    layout = ParameterLayout.of(stock)
    criterion = {
        "mse": functional.mse_loss,
        "cross_entropy": functional.cross_entropy,
    }[network.loss]

    def loss(theta: Tensor) -> Tensor:
        named = {name: each[0] for name, each in layout.unflatten(theta[None]).items()}
        outputs = torch.func.functional_call(stock, named, (network.x,))
        return criterion(outputs, network.y)

    return torch.func.hessian(loss)
