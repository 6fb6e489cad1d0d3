"""Whether targets, outputs and the loss go together."""

from service.resolution.data.samples import Samples
from service.resolution.findings import Findings, Location
from service.resolution.parameters import Shape
from service.schemas.losses import CrossEntropyLoss, Loss, MseLoss


def check_targets(
    loss: Loss, samples: Samples, output: Shape, problem: Location, findings: Findings
) -> None:
    """Notes what does not go together.

    Args:
        loss: Compares outputs with targets.
        samples: What the network is given.
        output: Shape of its output for one sample.
        problem: Where the problem stands in the request.
        findings: Where it is noted.
    """
    match loss:
        case MseLoss():
            _check_values(samples, output, problem, findings)
        case CrossEntropyLoss():
            _check_classes(samples, output, problem, findings)


def _check_values(
    samples: Samples, output: Shape, problem: Location, findings: Findings
) -> None:
    if not samples.autoencoder and samples.values is None:
        findings.add(
            problem / "loss" / "kind",
            "target_does_not_fit_loss",
            "mse needs targets that are no integers; one_hot makes such of classes.",
        )
    elif samples.target_shape != output:
        findings.add(
            problem / "dataset",
            "dataset_does_not_fit_architecture",
            f"Targets have shape {list(samples.target_shape)}, outputs {list(output)}.",
        )


def _check_classes(
    samples: Samples, output: Shape, problem: Location, findings: Findings
) -> None:
    labels = samples.labels
    if samples.autoencoder or labels is None:
        findings.add(
            problem / "loss" / "kind",
            "target_does_not_fit_loss",
            "cross_entropy needs integer classes as targets.",
        )
    elif labels.shape and output[:-1] != labels.shape:
        findings.add(
            problem / "dataset" / "target",
            "target_shape_invalid",
            f"Classes of shape {list(labels.shape)} a sample do not fit outputs of "
            f"shape {list(output)}: classes are the last dimension of outputs.",
        )
    elif len(output) != 1 + len(labels.shape):
        findings.add(
            problem / "architecture",
            "output_does_not_fit_loss",
            f"cross_entropy needs one output a class, not shape {list(output)}.",
        )
    elif labels.low < 0 or labels.high >= output[-1]:
        findings.add(
            problem / "dataset",
            "target_out_of_range",
            f"Targets range from {labels.low} to {labels.high}; there are {output[-1]} "
            "outputs.",
        )
