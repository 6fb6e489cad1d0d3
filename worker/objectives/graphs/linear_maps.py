"""Linear maps of a network's vectors, seen while it computes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from typing_extensions import override

_SAMPLES_AND_FEATURES = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LinearMap:
    """An affine map of one vector of every sample.

    Attributes:
        weight: Name of its weight, ``(outputs, inputs)``.
        bias: Name of its bias; None where there is none.
    """

    weight: str
    bias: str | None

    @property
    def names(self) -> list[str]:
        """Names of its parameters."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]


@final
class LinearCalls(TorchFunctionMode):
    """Sees the linear maps that a network calls, and shifts the outputs of some.

    Attributes:
        inputs: Of every map of vectors, ``(samples, features)``, in order of the calls.
    """

    def __init__(
        self, named: Mapping[str, Tensor], shifts: Mapping[str, Tensor]
    ) -> None:
        """Sees nothing yet.

        Args:
            named: The network's parameters.
            shifts: Added to the outputs of the maps with weights of these names.
        """
        super().__init__()
        self._names = {id(tensor): name for name, tensor in named.items()}
        self._shifts = shifts
        self._uses: Counter[str] = Counter()
        self.inputs: dict[LinearMap, Tensor] = {}

    @override
    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        outputs = func(*args, **kwargs)
        names = [self._names.get(id(each)) for each in tree_leaves((args, kwargs))]
        self._uses.update(name for name in names if name is not None)
        if func is not functional.linear or outputs.ndim != _SAMPLES_AND_FEATURES:
            return outputs
        inputs, weight, *bias = args
        name = self._names.get(id(weight))
        if name is None:
            return outputs
        biases = [self._names.get(id(each)) for each in bias]
        self.inputs[LinearMap(weight=name, bias=next(iter(biases), None))] = inputs
        return outputs + self._shifts[name] if name in self._shifts else outputs

    def alone(self) -> dict[LinearMap, Tensor]:
        """The inputs of maps whose parameters were used by nothing else."""
        return {
            each: inputs
            for each, inputs in self.inputs.items()
            if all(self._uses[name] == 1 for name in each.names)
        }
