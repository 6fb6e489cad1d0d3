"""Data sets come out of the worker as they were foretold, or not at all."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors.torch import save_file

from service.resolution.data.samples import Samples
from service.resolution.data.sources import BUILTIN, builtin_samples, file_samples
from service.resolution.data.transforms import transformed
from service.resolution.findings import ROOT, Findings
from service.schemas.datasets import BuiltinDataset, FileDataset
from service.tensors.header import parse_header
from service.tensors.summaries import summarise
from worker.datasets import sources, transforms
from worker.datasets.samples import Dataset
from worker.errors import RunError

SIZES = st.integers(1, 6)
KINDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "crop": {"size": SIZES},
    "resize": {"size": SIZES},
    "standardize": {},
    "center": {},
    "pca": {"components": st.integers(1, 12), "whiten": st.booleans()},
    "subset": {
        "count": st.none() | st.integers(1, 12),
        "classes": st.none() | st.lists(st.integers(0, 3), min_size=1, max_size=3),
    },
    "permute_labels": {},
    "one_hot": {"classes": st.integers(1, 5)},
    "flatten": {},
}
TRANSFORMS = st.lists(
    st.sampled_from(list(KINDS)).flatmap(
        lambda kind: st.fixed_dictionaries({"kind": st.just(kind)} | KINDS[kind])
    ),
    max_size=4,
)
FILES = st.fixed_dictionaries(
    {
        "x": st.lists(st.integers(1, 6), min_size=1, max_size=4),
        "y": st.sampled_from(["classes", "values", "matrix", "inputs", "short"]),
    }
)


def foretold(dataset: FileDataset, path: Path) -> Samples | None:
    """What is known of a file's samples after the transforms."""
    findings = Findings()
    summaries = summarise(path, parse_header(path, purpose="dataset"))
    samples = file_samples(dataset, summaries, ROOT, findings)
    if samples is not None:
        samples = transformed(samples, dataset.transforms, ROOT, findings)
    assert (samples is None) == bool(findings.errors)
    return samples


def computed(dataset: FileDataset, path: Path) -> Dataset | None:
    """What the worker makes of it; ``None`` if it refuses."""
    try:
        samples = sources.read_file(path, input=dataset.input, target=dataset.target)
        for transform in dataset.transforms:
            apply = getattr(transforms, transform.kind)
            samples = apply(samples, **transform.model_dump(exclude={"kind"}))
        return samples.finish()
    except RunError:
        return None


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets") / "data.safetensors"


@settings(deadline=None, max_examples=200)
@given(file=FILES, chosen=TRANSFORMS)
def test_a_file(path: Path, file: dict[str, Any], chosen: list[Any]) -> None:
    count = file["x"][0]
    targets = {
        "classes": torch.arange(count) % 4,
        "values": torch.ones(count, 2),
        "matrix": torch.ones(count, 2, dtype=torch.int32),
        "inputs": torch.zeros(1),
        "short": torch.ones(count + 1, 2),
    }
    x = torch.arange(float(torch.Size(file["x"]).numel())).sin().reshape(file["x"])
    save_file({"x": x, "y": targets[file["y"]]}, path)
    dataset = FileDataset.model_validate(
        {
            "kind": "file",
            "file_id": "file_" + "a" * 32,
            "target": "x" if file["y"] == "inputs" else "y",
            "transforms": chosen,
        }
    )

    expected, found = foretold(dataset, path), computed(dataset, path)

    if expected is None:
        # Integer matrices are targets of no loss, though the worker can read them.
        assert found is None or file["y"] == "matrix"
        return
    if found is None:
        # Of some classes a file may hold fewer samples than of all.
        assert file["y"] == "classes"
        assert any(t["kind"] == "subset" and t["classes"] for t in chosen)
        return
    assert found.x.shape[0] <= expected.count
    assert tuple(found.x.shape[1:]) == expected.shape
    assert tuple(found.y.shape[1:]) == expected.target_shape
    if expected.labels is not None and not expected.autoencoder:
        assert found.y.min() >= expected.labels.low
        assert found.y.max() <= expected.labels.high


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("classes", [None, [3], [9, 0, 4]])
def test_shipped_images(name: Any, classes: list[int] | None) -> None:  # noqa: ANN401
    chosen: list[Any] = [{"kind": "subset", "classes": classes}]
    dataset = BuiltinDataset.model_validate(
        {"kind": "builtin", "name": name, "transforms": chosen}
    )

    expected = transformed(
        builtin_samples(dataset), dataset.transforms, ROOT, Findings()
    )
    found = transforms.subset(sources.builtin(name), classes=classes).finish()

    assert expected is not None
    assert found.x.shape == (expected.count, *expected.shape)
    assert expected.labels is not None
    assert expected.labels.counts == tuple(torch.bincount(found.y).tolist())
