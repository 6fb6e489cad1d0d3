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


def stock_at(network: Network, theta: Tensor) -> nn.Module:
    """The network with PyTorch's own layers, at parameters ``(parameters,)``."""
    stock = network.stock().to_empty(device=theta.device).to(theta.dtype)
    nn.utils.vector_to_parameters(theta, stock.parameters())
    return stock


def criterion(network: Network) -> nn.Module:
    """Its mean loss, as PyTorch has it."""
    return _CRITERIA[network.loss]()


def autograd_product(network: Network, theta: Tensor) -> Callable[[Tensor], Tensor]:
    """Hessian products ``(parameters,)`` by two backward passes, the loss included."""
    stock = stock_at(network, theta)
    parameters = tuple(stock.parameters())

    def product(vector: Tensor) -> Tensor:
        loss = criterion(network)(stock(network.x), network.y)
        slopes = torch.autograd.grad(loss, parameters, create_graph=True)
        slope = torch.cat([each.flatten() for each in slopes])
        rows = torch.autograd.grad(slope, parameters, vector)
        return torch.cat([each.flatten() for each in rows])

    return product


def curvlinops_hessian(network: Network, theta: Tensor) -> HessianLinearOperator:
    """The Hessian at one point ``(parameters,)``, by curvlinops."""
    stock = stock_at(network, theta)
    return HessianLinearOperator(
        stock,
        criterion(network),
        list(stock.parameters()),
        [(network.x, network.y)],
        check_deterministic=False,
    )


def curvlinops_product(network: Network, theta: Tensor) -> Callable[[Tensor], Tensor]:
    """Hessian products ``(parameters,)`` at one point, by curvlinops."""
    operator = curvlinops_hessian(network, theta)

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
