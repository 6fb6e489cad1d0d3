from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from worker.reports.arrays import join_arrays


def test_shorter_histories_are_padded(tmp_path: Path) -> None:
    save_file({"loss": torch.ones(2, 3), "x": torch.zeros(2)}, tmp_path / "a")
    save_file({"loss": torch.ones(1, 5), "x": torch.ones(1)}, tmp_path / "b")
    join_arrays([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    joined = load_file(tmp_path / "all")
    assert joined["x"].tolist() == [0.0, 0.0, 1.0]
    assert joined["loss"].isnan().sum(dim=1).tolist() == [2, 2, 0]
    assert torch.equal(joined["loss"][:, :3], torch.ones(3, 3))
