"""The full-batch loss of a network on a data set."""

from functools import cached_property
from typing import final

import torch
from torch import Tensor, nn

from worker.errors import RunError
from worker.networks.architectures import nonsmooth_layers
from worker.networks.buffers import moved_buffers
from worker.networks.curved import with_curvature
from worker.networks.losses import CURVATURES, LOSSES
from worker.networks.weights import ParameterLayout
from worker.objectives.assembly.assembly import assembly_of
from worker.objectives.base import Linearisation
from worker.objectives.batches import Batches
from worker.objectives.costs import hessian_cost
from worker.objectives.full_batch import FullBatchLoss
from worker.objectives.gauss_newton import GaussNewton
from worker.objectives.graphs.graphs import NetworkLoss
from worker.objectives.graphs.sizes import graph_size
from worker.objectives.network_hessian import NetworkHessian


@final
class NetworkObjective:
    """The mean loss over all samples, plus ``l2 * |theta|^2``.

    Attributes:
        layout: Names and shapes of the parameters.
        samples: Size of the data set.
        smooth: Whether every layer is twice differentiable everywhere.
        warnings: What a reader of the results should beware of.
        dtype: Precision, that of the inputs.
        device: Where it computes, that of the inputs.
    """

    def __init__(
        self,
        *,
        module: nn.Module,
        x: Tensor,
        y: Tensor,
        loss: str,
        l2: float = 0.0,
        memory_budget_bytes: int = 2**30,
    ) -> None:
        """Fits network, data and loss together.

        Args:
            module: The network; its parameters' values are not used, those of its
                buffers are.
            x: Inputs, ``(n, ...)``.
            y: Targets: like the outputs for ``mse``; for ``cross_entropy`` integer
                classes, like the outputs without their last dimension.
            loss: ``mse`` or ``cross_entropy``.
            l2: Weight of the squared norm of all parameters.
            memory_budget_bytes: What gradient graphs may use.

        Raises:
            RunError: If the network has no parameters (``weights_invalid``), or data,
                network and loss do not fit together (``dataset_invalid``).
        """
        self.layout = ParameterLayout.of(module)
        if not self.layout.names:
            raise RunError("weights_invalid", "the network has no parameters")
        self.samples = x.shape[0]
        self.dtype = x.dtype
        self.device = x.device
        module = moved_buffers(module, x.device, x.dtype)
        kinds = nonsmooth_layers(module)
        self.smooth = not kinds
        self.warnings = [_warning(kinds)] if kinds else []
        self._l2 = l2
        self._kind = loss
        whole = NetworkLoss(
            module=module,
            curved=with_curvature(module),
            layout=self.layout,
            loss=LOSSES[loss],
            x=x,
            y=_targets(y, _output_shape(module, x), loss=loss, x=x),
        )
        self._assembly = assembly_of(whole, kind=loss, budget=memory_budget_bytes)
        self._loss = FullBatchLoss(
            loss=whole,
            batches=Batches.of(
                samples=self.samples,
                size=graph_size(whole),
                budget=memory_budget_bytes,
            ),
        )

    @property
    def parameters(self) -> int:
        """Length of a parameter vector."""
        return self.layout.parameters

    @property
    def hessian_cost(self) -> float:
        """Hessian products that cost as much as one Hessian, formed and decomposed."""
        return self._hessian_cost

    def bytes_needed(self, runs: int) -> int:
        """Peak memory of a linearisation of so many runs, without dense Hessians."""
        vectors = 8 * runs * self.parameters * self.dtype.itemsize
        return vectors + self._loss.batches.bytes_needed(runs)

    def value(self, theta: Tensor) -> Tensor:
        """Losses, ``(runs,)``."""
        return self._mean_value(self._loss.value(theta), theta)

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Losses ``(runs,)`` and gradients ``(runs, parameters)``."""
        value, gradient = self._loss.gradient(theta)
        return self._mean_value(value, theta), self._mean_gradient(gradient, theta)

    def linearise(self, theta: Tensor) -> Linearisation:
        """Losses, gradients and Hessians, ready for many products."""
        hessian = NetworkHessian(
            theta=theta.detach(),
            loss=self._loss,
            l2=self._l2,
            assembly=self._assembly,
        )
        value, gradient = hessian.summed_gradient()
        return Linearisation(
            theta=theta,
            value=self._mean_value(value, theta),
            gradient=self._mean_gradient(gradient, theta),
            hessian=hessian,
        )

    def gauss_newton(self, theta: Tensor) -> GaussNewton:
        """Generalised Gauss-Newton matrices, ready for many products."""
        return GaussNewton(
            theta=theta.detach(),
            loss=self._loss,
            curvature=CURVATURES[self._kind],
            l2=self._l2,
        )

    def smallest_of_gauss_newton(self, order: int, count: int) -> float | None:
        """What the smallest eigenvalues of every block of a Gauss-Newton matrix are.

        Beside ``2 l2 I`` its rank is at most the number of outputs of all samples.

        Args:
            order: Of the block.
            count: How many of the smallest.

        Returns:
            What they all are; None where the rank does not tell.
        """
        kernel = order - self.samples * self._outputs
        return 2.0 * self._l2 if kernel >= count else None

    @cached_property
    def _outputs(self) -> int:
        """Numbers of one sample's outputs."""
        theta = torch.zeros(
            1, self.layout.parameters, dtype=self.dtype, device=self.device
        )
        return next(self._loss.loss.chunks(1)).outputs(theta).numel()

    @cached_property
    def _hessian_cost(self) -> float:
        return hessian_cost(self._loss, kind=self._kind, assembly=self._assembly)

    def _mean_value(self, summed: Tensor, theta: Tensor) -> Tensor:
        mean = summed / self.samples
        return mean + self._l2 * theta.square().sum(1) if self._l2 else mean

    def _mean_gradient(self, summed: Tensor, theta: Tensor) -> Tensor:
        mean = summed / self.samples
        return mean + (2.0 * self._l2) * theta if self._l2 else mean


def _warning(kinds: list[str]) -> str:
    return (
        f"The network has layers that are not twice differentiable everywhere "
        f"({', '.join(kinds)}): critical points need not exist, and the Hessian misses "
        f"the kinks."
    )


def _output_shape(module: nn.Module, x: Tensor) -> tuple[int, ...]:
    """Shape of the outputs for one sample."""
    tensors = {
        name: torch.empty_like(tensor, dtype=x.dtype, device="meta")
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
    }
    try:
        outputs = torch.func.functional_call(module, tensors, (x[:1].to("meta"),))
    except (RuntimeError, ValueError, IndexError) as error:
        message = f"inputs of shape {list(x.shape[1:])} do not fit the network: {error}"
        raise RunError("dataset_invalid", message) from error
    return tuple(outputs.shape[1:])


def _targets(y: Tensor, outputs: tuple[int, ...], *, loss: str, x: Tensor) -> Tensor:
    """Targets as the loss takes them, if they fit inputs and outputs."""
    if y.shape[0] != x.shape[0]:
        message = f"{x.shape[0]} inputs, {y.shape[0]} targets"
        raise RunError("dataset_invalid", message)
    if loss == "mse":
        if tuple(y.shape[1:]) != outputs:
            message = f"outputs {list(outputs)}, targets {list(y.shape[1:])}"
            raise RunError("dataset_invalid", message)
        return y.to(x.dtype)
    if y.is_floating_point() or not outputs or tuple(y.shape[1:]) != outputs[:-1]:
        message = (
            "cross_entropy needs classes last in the outputs and one integer a sample"
            f" or position: outputs {list(outputs)}, targets {list(y.shape[1:])}"
        )
        raise RunError("dataset_invalid", message)
    if y.min() < 0 or y.max() >= outputs[-1]:
        message = f"integer targets must be from 0 to {outputs[-1] - 1}"
        raise RunError("dataset_invalid", message)
    return y.to(torch.int64)
