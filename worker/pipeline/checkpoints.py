"""Checkpoints: the state of a shard's search, in a file that is whole or absent."""

import hashlib
import importlib.metadata
import json
import os
from pathlib import Path
from typing import final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from worker.finders.state import SearchState
from worker.pipeline.task import ShardTask

NAME = "checkpoint.safetensors"
_FORMAT = "1"


@final
class Checkpoint:
    """The checkpoint of one shard."""

    def __init__(self, task: ShardTask) -> None:
        self.path = task.folder / NAME
        self._metadata = {"format": _FORMAT, "task": _fingerprint(task)}

    def write(self, state: SearchState) -> None:
        """Replaces the checkpoint; a crash leaves the old one or the new one."""
        unfinished = self.path.with_suffix(".unfinished")
        save_file(state.to_tensors(), unfinished, metadata=self._metadata)
        _flush(unfinished)
        unfinished.replace(self.path)
        _flush(self.path.parent)

    def read(self, device: torch.device) -> SearchState | None:
        """The state of this shard left by this software; None if there is none."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                if file.metadata() != self._metadata:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            return None
        return SearchState.from_tensors(tensors, device=device)


def _fingerprint(task: ShardTask) -> str:
    identity = json.dumps(
        [
            task.job_id,
            task.first,
            task.count,
            task.dense_limit,
            task.specification.model_dump(mode="json"),
            importlib.metadata.version("gradflat"),
            torch.__version__,
        ],
        sort_keys=True,
    )
    return hashlib.sha256(identity.encode()).hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
