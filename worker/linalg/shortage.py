"""Lack of memory, however the allocators call it."""

import gc

import torch

_MESSAGES = (
    "can't allocate memory",  # torch's allocator on the CPU
    "bad_alloc",  # C++
    "out of memory",  # CUDA libraries beside the allocator
    "_ALLOC_FAILED",  # cuBLAS, cuSOLVER and cuDNN
)


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory was short."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        message in str(error) for message in _MESSAGES
    )


def release() -> None:
    """Gives unused memory back; to be called when no error is being handled.

    A handled error's traceback keeps the tensors of the frames that it went through.
    """
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
