"""Spectra of classifiers of images of 32 x 32, of one size or another."""

from dataclasses import dataclass
from typing import final

from benchmarks.scale.images import FILE_ID
from service.schemas.jobs import JobRequest


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What makes a job large.

    Attributes:
        channels: Of the convolution.
        hidden: Width of the hidden layer.
        samples: Images.
        top: Extreme eigenvalues at either end.
        probes: Of the density.
        steps: From each probe.
    """

    channels: int
    hidden: int
    samples: int
    top: int
    probes: int
    steps: int


SIZES = {
    "full": Size(channels=16, hidden=1250, samples=2000, top=10, probes=2, steps=20),
    "quick": Size(channels=8, hidden=256, samples=500, top=5, probes=2, steps=10),
    "tiny": Size(channels=1, hidden=2, samples=10, top=1, probes=1, steps=3),
}


def request(size: Size) -> JobRequest:
    """The spectrum at a random point, in single precision."""
    pixels = 16 * 16  # the convolution's stride is 2
    return JobRequest.model_validate(
        {
            "problem": {
                "kind": "network",
                "architecture": {
                    "kind": "sequential",
                    "layers": [
                        {
                            "kind": "conv2d",
                            "in_channels": 1,
                            "out_channels": size.channels,
                            "kernel_size": 3,
                            "stride": 2,
                            "padding": 1,
                        },
                        {"kind": "swish"},
                        {"kind": "flatten"},
                        {
                            "kind": "linear",
                            "in_features": size.channels * pixels,
                            "out_features": size.hidden,
                        },
                        {"kind": "swish"},
                        {
                            "kind": "linear",
                            "in_features": size.hidden,
                            "out_features": 10,
                        },
                    ],
                },
                "dataset": {
                    "kind": "file",
                    "file_id": FILE_ID,
                    "transforms": [{"kind": "standardize"}],
                },
                "loss": {"kind": "cross_entropy"},
            },
            "starts": {"kind": "random", "count": 1},
            "finder": {"kind": "none"},
            "spectrum": {
                "kind": "lanczos",
                "top": size.top,
                "density": {"probes": size.probes, "steps": size.steps},
            },
            "precision": "float32",
        }
    )
