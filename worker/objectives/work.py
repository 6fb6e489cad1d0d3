"""What a computation does, counted: so that costs are compared without timing them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from typing_extensions import override

# Fitted to times of products and Hessians of 29 networks with layers of all kinds, on
# one core in double precision. Only their ratios matter.
_OPERATION_S = 1.5e-6
_BYTE_S = 6e-11
_MULTIPLICATION_S = 5e-11


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Sizes of a computation.

    Attributes:
        operations: Calls of kernels, views left out.
        bytes: Of all tensors that it makes.
        multiplications: In matrix products, each with an addition.
    """

    operations: float
    bytes: float
    multiplications: float

    def __add__(self, other: "Work") -> "Work":
        """Both."""
        return Work(
            operations=self.operations + other.operations,
            bytes=self.bytes + other.bytes,
            multiplications=self.multiplications + other.multiplications,
        )

    def __mul__(self, times: float) -> "Work":
        """The same so many times."""
        return Work(
            operations=self.operations * times,
            bytes=self.bytes * times,
            multiplications=self.multiplications * times,
        )

    @property
    def seconds(self) -> float:
        """A model of the time that it takes."""
        return (
            _OPERATION_S * self.operations
            + _BYTE_S * self.bytes
            + _MULTIPLICATION_S * self.multiplications
        )


def work_of(compute: Callable[[], object]) -> Work:
    """The work of a computation, which it runs."""
    with _Counting() as counting:
        compute()
    return Work(
        operations=counting.operations,
        bytes=counting.bytes,
        multiplications=counting.multiplications,
    )


@final
class _Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.bytes = 0
        self.multiplications = 0

    @override
    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not func.is_view:
            self.operations += 1
        known = {_storage(each) for each in tree_leaves(args)}
        for each in tree_leaves(result):
            if isinstance(each, Tensor) and _storage(each) not in known:
                self.bytes += each.numel() * each.element_size()
        # A product that is added in place counts as the one that is not.
        packet = getattr(torch.ops.aten, func.overloadpacket.__name__.rstrip("_"), None)
        if packet in flop_registry:
            flops = flop_registry[packet](*args, **kwargs, out_val=result)
            self.multiplications += flops // 2
        return result


def _storage(value: object) -> int | None:
    return value.untyped_storage().data_ptr() if isinstance(value, Tensor) else None
