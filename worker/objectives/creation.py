"""How much memory a computation creates."""

from collections.abc import Callable
from typing import Any, final

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from typing_extensions import override


def bytes_created(compute: Callable[[], object]) -> int:
    """Bytes of all tensors that a computation makes, views left out."""
    with _Creation() as creation:
        compute()
    return creation.bytes


@final
class _Creation(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    @override
    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        known = {_storage(each) for each in tree_leaves(args)}
        for each in tree_leaves(result):
            if isinstance(each, Tensor) and _storage(each) not in known:
                self.bytes += each.numel() * each.element_size()
        return result


def _storage(value: object) -> int | None:
    return value.untyped_storage().data_ptr() if isinstance(value, Tensor) else None
