"""Images of 32 x 32: shipped ones with a border, as a client would upload them."""

from pathlib import Path

from safetensors.torch import save_file
from torch.nn import functional

from service.resolution.files import FileSummary
from service.schemas.files import TensorSummary
from worker.datasets.sources import builtin
from worker.errors import RunError

FILE_ID = "file_" + "0" * 32
_BORDER = (2, 2, 2, 2)


def write_images(path: Path, count: int) -> FileSummary:
    """Writes images ``x`` of ``(count, 1, 32, 32)`` and their classes ``y``."""
    samples = builtin("fashion_mnist_5k")
    if samples.y is None:
        raise RunError("dataset_invalid", "the images have no classes")
    x = functional.pad(samples.x[:count].float(), _BORDER)
    y = samples.y[:count].long()
    save_file({"x": x, "y": y.clone()}, path)
    return FileSummary(
        purpose="dataset",
        tensors=[
            TensorSummary(
                name=name,
                dtype=dtype,
                shape=list(tensor.shape),
                finite=True,
                minimum=float(tensor.min()),
                maximum=float(tensor.max()),
            )
            for name, dtype, tensor in (("x", "F32", x), ("y", "I64", y))
        ],
    )
