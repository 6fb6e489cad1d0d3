"""Names, shapes and refusals agree with the modules that will be built."""

from hypothesis import given, settings, strategies as st

from service.resolution.data.samples import Integers
from service.resolution.findings import ROOT, Findings
from service.resolution.parameters import network_entries
from service.resolution.shapes.flow import Flow, follow
from service.schemas.architectures import Architecture
from tests.support.requests.architectures import (
    LARGEST_INTEGER,
    SAMPLE_SHAPES,
    Shape,
    embedded,
    mlps,
    output_shape,
    sequentials,
)
from worker.build.networks import network
from worker.networks.buffers import buffer_layout
from worker.networks.weights import ParameterLayout

Drawn = tuple[Shape, Architecture]


def drawn(*, fitting: bool) -> st.SearchStrategy[Drawn]:
    """A shape of samples and a list of layers for it."""
    return SAMPLE_SHAPES.flatmap(
        lambda sample: st.tuples(st.just(sample), sequentials(sample, fitting=fitting))
    )


def drawn_of_integers() -> st.SearchStrategy[Drawn]:
    """A shape of samples and an embedding with layers for its outputs."""
    return SAMPLE_SHAPES.flatmap(
        lambda sample: st.tuples(st.just(sample), embedded(sample))
    )


def followed(
    architecture: Architecture, sample: Shape, integers: Integers | None = None
) -> Flow | None:
    """The flow, or ``None`` if anything does not fit."""
    findings = Findings()
    flow = follow(architecture, sample, ROOT, findings, integers=integers)
    assert flow is not None or findings.errors
    return None if findings.errors else flow


def check_tensors(architecture: Architecture) -> None:
    """Parameters and buffers have the names, shapes and order of the module's."""
    module = network(architecture)
    named = network_entries(architecture)
    for buffers, layout in (
        (False, ParameterLayout.of(module)),
        (True, buffer_layout(module)),
    ):
        of_kind = [each for each in named if each.buffer == buffers]
        assert tuple(each.name for each in of_kind) == layout.names
        assert tuple(each.shape for each in of_kind) == layout.shapes


@settings(deadline=None, max_examples=30)
@given(architecture=mlps())
def test_a_fully_connected_network(architecture: Architecture) -> None:
    check_tensors(architecture)
    sizes = architecture.model_dump()["sizes"]

    flow = followed(architecture, (sizes[0],))

    assert flow is not None
    assert flow.output == output_shape(architecture, (sizes[0],))
    assert followed(architecture, (sizes[0] + 1,)) is None


@settings(deadline=None)
@given(drawn(fitting=True))
def test_layers_that_fit(case: Drawn) -> None:
    sample, architecture = case
    check_tensors(architecture)

    flow = followed(architecture, sample)

    assert flow is not None
    assert flow.output == output_shape(architecture, sample)


@settings(deadline=None)
@given(drawn_of_integers())
def test_layers_of_integers(case: Drawn) -> None:
    sample, architecture = case
    check_tensors(architecture)

    flow = followed(architecture, sample, Integers(low=0, high=LARGEST_INTEGER))

    assert flow is not None
    assert flow.output == output_shape(architecture, sample)
    assert followed(architecture, sample) is None
    assert followed(architecture, sample, Integers(low=-1, high=0)) is None
    assert followed(architecture, sample, Integers(low=0, high=9)) is None


@settings(deadline=None)
@given(drawn(fitting=False))
def test_layers_that_may_not_fit(case: Drawn) -> None:
    sample, architecture = case
    check_tensors(architecture)

    flow = followed(architecture, sample)

    # What PyTorch broadcasts or takes for a single image is refused here.
    assert flow is None or flow.output == output_shape(architecture, sample)
