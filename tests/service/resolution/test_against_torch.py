"""Names, shapes and refusals agree with the modules that will be built."""

from hypothesis import given, settings, strategies as st

from service.resolution.findings import ROOT, Findings
from service.resolution.flow import Flow, follow
from service.resolution.parameters import network_parameter_shapes
from service.schemas.architectures import Architecture
from tests.support.architectures import (
    SAMPLE_SHAPES,
    Shape,
    mlps,
    module_of,
    output_shape,
    sequentials,
)
from worker.networks.weights import ParameterLayout

Drawn = tuple[Shape, Architecture]


def drawn(*, fitting: bool) -> st.SearchStrategy[Drawn]:
    """A shape of samples and a list of layers for it."""
    return SAMPLE_SHAPES.flatmap(
        lambda sample: st.tuples(st.just(sample), sequentials(sample, fitting=fitting))
    )


def followed(architecture: Architecture, sample: Shape) -> Flow | None:
    """The flow, or ``None`` if anything does not fit."""
    findings = Findings()
    flow = follow(architecture, sample, ROOT, findings)
    assert flow is not None or findings.errors
    return None if findings.errors else flow


def check_parameters(architecture: Architecture) -> None:
    layout = ParameterLayout.of(module_of(architecture))
    assert list(network_parameter_shapes(architecture).items()) == list(
        zip(layout.names, layout.shapes, strict=True)
    )


@settings(deadline=None, max_examples=30)
@given(architecture=mlps())
def test_a_fully_connected_network(architecture: Architecture) -> None:
    check_parameters(architecture)
    sizes = architecture.model_dump()["sizes"]

    flow = followed(architecture, (sizes[0],))

    assert flow is not None
    assert flow.output == output_shape(module_of(architecture), (sizes[0],))
    assert followed(architecture, (sizes[0] + 1,)) is None


@settings(deadline=None)
@given(drawn(fitting=True))
def test_layers_that_fit(case: Drawn) -> None:
    sample, architecture = case
    check_parameters(architecture)

    flow = followed(architecture, sample)

    assert flow is not None
    assert flow.output == output_shape(module_of(architecture), sample)


@settings(deadline=None)
@given(drawn(fitting=False))
def test_layers_that_may_not_fit(case: Drawn) -> None:
    sample, architecture = case
    check_parameters(architecture)

    flow = followed(architecture, sample)

    # What PyTorch broadcasts or takes for a single image is refused here.
    assert flow is None or flow.output == output_shape(module_of(architecture), sample)
