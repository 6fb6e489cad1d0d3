"""Dense matrices of a small network's loss, written out in plain torch.

They share no code with the worker: Jacobians and Hessians come from ``torch.func``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Dense:
    """A network on a data set, of which matrices are wanted.

    Attributes:
        module: The network; parameter names as in the job.
        x: Inputs.
        y: Targets: like the outputs for ``mse``, else classes.
        loss: ``mse`` or ``cross_entropy``.
        l2: Weight of the squared norm of the parameters.
    """

    module: nn.Module
    x: Tensor
    y: Tensor
    loss: str
    l2: float

    def matrix(
        self, kind: str, parameters: Mapping[str, Tensor], pattern: str | None
    ) -> Tensor:
        """The matrix of a kind at parameters by name, or a block of it."""
        shapes = {name: p.shape for name, p in self.module.named_parameters()}
        theta = torch.cat([parameters[name].flatten() for name in shapes])

        def outputs(flat: Tensor) -> Tensor:
            pieces = flat.split([shape.numel() for shape in shapes.values()])
            named = {
                name: piece.reshape(shape)
                for (name, shape), piece in zip(shapes.items(), pieces, strict=True)
            }
            return torch.func.functional_call(self.module, named, (self.x,))

        def penalised(flat: Tensor) -> Tensor:
            return self._loss(outputs(flat)) + self.l2 * flat.square().sum()

        if kind == "hessian":
            whole = torch.func.hessian(penalised)(theta)
        else:
            jacobian = torch.func.jacrev(outputs)(theta).flatten(0, -2)
            found = outputs(theta)
            curvature = torch.func.hessian(self._loss)(found)
            curvature = curvature.reshape(found.numel(), found.numel())
            whole = jacobian.T @ curvature @ jacobian
            whole = whole + 2 * self.l2 * torch.eye(len(theta), dtype=theta.dtype)
        chosen = torch.cat(
            [
                torch.full((shape.numel(),), pattern is None or fnmatch(name, pattern))
                for name, shape in shapes.items()
            ]
        )
        return whole[chosen][:, chosen]

    def _loss(self, outputs: Tensor) -> Tensor:
        if self.loss == "mse":
            return functional.mse_loss(outputs, self.y)
        return functional.cross_entropy(outputs, self.y)
