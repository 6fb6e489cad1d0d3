"""Checkpoints: how far a shard has come, in a file that is whole or absent."""

import hashlib
import importlib.metadata
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from safetensors import SafetensorError, safe_open

from worker.finders.loop.state import SearchState
from worker.pipeline.spectra_state import SpectraState
from worker.pipeline.task import ShardTask
from worker.reports.tensor_files import write_tensors

NAME = "checkpoint.safetensors"
_FORMAT = "5"
_SPECTRA = "spectra."
REST = 20.0
"""Time between two checkpoints, at least, in units of the time to write one."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a checkpoint holds.

    Attributes:
        search: Of the search.
        spectra: Of the spectra that follow it, once they have begun.
    """

    search: SearchState
    spectra: SpectraState | None


@final
class Checkpoint:
    """The checkpoint of one shard, and when the next one is due."""

    def __init__(self, task: ShardTask) -> None:
        self.path = task.folder / NAME
        self._metadata = {"format": _FORMAT, "task": _fingerprint(task)}
        self._interval_s = task.checkpoint_seconds
        self._due = time.monotonic() + self._interval_s

    @property
    def due(self) -> bool:
        """Whether so much was done since the last one that writing costs little."""
        return time.monotonic() >= self._due

    def write(self, search: SearchState, spectra: SpectraState | None = None) -> None:
        """Replaces the checkpoint; a crash leaves the old one or the new one."""
        began = time.monotonic()
        tensors = search.to_tensors()
        if spectra is not None:
            tensors |= {
                f"{_SPECTRA}{name}": each for name, each in spectra.to_tensors().items()
            }
        unfinished = self.path.with_suffix(".unfinished")
        write_tensors(unfinished, tensors, metadata=self._metadata)
        _flush(unfinished)
        unfinished.replace(self.path)
        _flush(self.path.parent)
        now = time.monotonic()
        self._due = now + max(self._interval_s, REST * (now - began))

    def read(self, device: torch.device) -> Saved | None:
        """What this software left of this shard; None if there is nothing."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                if file.metadata() != self._metadata:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            return None
        spectra = {
            name.removeprefix(_SPECTRA): tensors.pop(name)
            for name in list(tensors)
            if name.startswith(_SPECTRA)
        }
        return Saved(
            search=SearchState.from_tensors(tensors, device=device),
            spectra=SpectraState.from_tensors(spectra, device=device)
            if spectra
            else None,
        )


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
