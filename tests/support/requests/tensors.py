"""Safetensors files for tests."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save


def weights_of(*sizes: int, seed: int = 0) -> bytes:
    """Weights of an `mlp` with these sizes."""
    random = np.random.default_rng(seed)
    tensors: dict[str, NDArray[np.float64]] = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        tensors[f"layers.{number}.weight"] = random.standard_normal((outputs, inputs))
        tensors[f"layers.{number}.bias"] = random.standard_normal(outputs)
    return save(tensors)


def regression_data(samples: int, inputs: int, outputs: int, seed: int = 0) -> bytes:
    """A data set of reals `x` and `y`."""
    random = np.random.default_rng(seed)
    return save(
        {
            "x": random.standard_normal((samples, inputs)),
            "y": random.standard_normal((samples, outputs)),
        }
    )
