"""Computing the same numbers again, on a GPU."""

import os
import re
from collections.abc import Generator
from contextlib import contextmanager

import torch

from worker.errors import RunError

_REFUSAL = re.compile(r"(\S+) does not have a deterministic implementation")


@contextmanager
def reproducible(device: torch.device) -> Generator[None]:
    """Full precision and sums in a fixed order, for this process from then on.

    On the CPU both are given.

    Args:
        device: Where it is computed.

    Yields:
        Nothing.

    Raises:
        RunError: If an operation has no deterministic implementation on the device
            (``nondeterministic_operation``).
        RuntimeError: Any other.
    """
    if device.type == "cuda":
        _set_up()
    try:
        yield
    except RuntimeError as error:
        refusal = _REFUSAL.search(str(error))
        if refusal is None:
            raise
        message = (
            f"{refusal[1]} gives other sums each time on {device}, and the search needs"
            " the same ones; the CPU can compute it"
        )
        raise RunError("nondeterministic_operation", message) from error


def _set_up() -> None:
    # Read when the first CUDA context is created; a runner has it from its supervisor.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(mode=True)
