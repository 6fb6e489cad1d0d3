from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from worker.errors import RunError
from worker.networks.architectures import mlp
from worker.networks.weights import ParameterLayout, read, write

LAYOUT = ParameterLayout.of(mlp([2, 3, 1], "tanh"))


def tensors(*leading: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(*leading, *shape, generator=generator, dtype=torch.float64)
        for name, shape in zip(LAYOUT.names, LAYOUT.shapes, strict=True)
    }


@given(
    shapes=st.lists(
        st.lists(st.integers(1, 4), max_size=3).map(tuple), min_size=1, max_size=5
    ),
    runs=st.integers(1, 3),
)
def test_flatten_and_unflatten_are_inverse(
    shapes: list[tuple[int, ...]], runs: int
) -> None:
    layout = ParameterLayout(
        names=tuple(f"t{i}" for i in range(len(shapes))), shapes=tuple(shapes)
    )
    theta = torch.arange(runs * layout.parameters).reshape(runs, -1).double()
    named = layout.unflatten(theta)
    assert [tuple(t.shape) for t in named.values()] == [(runs, *s) for s in shapes]
    assert torch.equal(layout.flatten(named), theta)


def test_rows_follow_the_modules_order(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file(tensors(), file)
    theta = read(file, LAYOUT)
    assert torch.equal(
        theta[0], torch.cat([tensors()[name].flatten() for name in LAYOUT.names])
    )


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16]
)
def test_every_floating_type_is_read(tmp_path: Path, dtype: torch.dtype) -> None:
    file = tmp_path / "w.safetensors"
    named = {name: t.to(dtype) for name, t in tensors().items()}
    save_file(named, file)
    expected = torch.cat([named[n].double().flatten() for n in LAYOUT.names])
    assert torch.equal(read(file, LAYOUT)[0], expected)
    assert read(file, LAYOUT, dtype=torch.float32).dtype == torch.float32


def test_points_written_are_read_back_under_the_uploaded_names(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    theta = torch.randn(4, LAYOUT.parameters, dtype=torch.float64)
    names = {"layers.0.weight": "net/first.w", "layers.1.bias": "b"}
    write(file, LAYOUT, theta, parameter_map=names)
    stored = load_file(file)
    assert set(stored) == {"net/first.w", "layers.0.bias", "layers.1.weight", "b"}
    assert stored["net/first.w"].shape == (4, 3, 2)
    back = read(file, LAYOUT, parameter_map=names, stacked=True)
    assert torch.equal(back, theta)


def broken_tensors() -> dict[str, tuple[dict[str, Tensor], str]]:
    nan = tensors()
    nan["layers.1.weight"][0, 1] = float("nan")
    infinite = tensors()
    infinite["layers.0.bias"][2] = float("inf")
    integer = tensors() | {"layers.0.bias": torch.zeros(3, dtype=torch.int64)}
    transposed = tensors() | {"layers.0.weight": torch.zeros(2, 3)}
    missing = {n: t for n, t in tensors().items() if n != "layers.0.bias"}
    return {
        "nan": (nan, "layers.1.weight"),
        "infinite": (infinite, "layers.0.bias"),
        "integer": (integer, "layers.0.bias"),
        "shape": (transposed, r"layers.0.weight has shape \[2, 3\], expected \[3, 2\]"),
        "missing": (missing, "missing tensors: layers.0.bias"),
        "left over": (tensors() | {"extra": torch.zeros(1)}, "left over: extra"),
    }


@pytest.mark.parametrize("case", list(broken_tensors()))
def test_broken_weights_are_refused_by_name(tmp_path: Path, case: str) -> None:
    named, message = broken_tensors()[case]
    file = tmp_path / "w.safetensors"
    save_file(named, file)
    with pytest.raises(RunError, match=message) as caught:
        read(file, LAYOUT)
    assert caught.value.code == "weights_invalid"
    assert not caught.value.retryable


def test_stacks_of_different_length_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file(tensors(3) | {"layers.1.bias": torch.zeros(2, 1)}, file)
    with pytest.raises(RunError, match=r"layers.1.bias has shape \[2, 1\]"):
        read(file, LAYOUT, stacked=True)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"\x80\x02junk")
    with pytest.raises(RunError, match="unreadable"):
        read(file, LAYOUT)


def test_weights_beyond_the_precision_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({n: t * 1e300 for n, t in tensors().items()}, file)
    with pytest.raises(RunError, match="too large"):
        read(file, LAYOUT, dtype=torch.float32)


def test_one_tensor_cannot_serve_two_parameters(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file(tensors(), file)
    with pytest.raises(RunError, match="mapped to one"):
        read(file, LAYOUT, parameter_map={"layers.0.bias": "layers.1.bias"})


def test_a_map_lets_the_file_hold_other_tensors(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file(tensors() | {"step": torch.zeros(1)}, file)
    names = {name: name for name in LAYOUT.names}
    assert read(file, LAYOUT, parameter_map=names).shape == (1, LAYOUT.parameters)
