"""The real computation: the pipeline, on the device that there is."""

import importlib.metadata
import platform
from typing import Literal, final

import torch

from service.schemas.environment import Environment
from worker.pipeline import ShardTask, assemble, run_shard
from worker.protocol import Assemble, RunShard
from worker.runner.observer import ChannelObserver


@final
class PipelineComputation:
    """Hands commands to the pipeline."""

    def __init__(self, device: Literal["auto", "cpu", "cuda"]) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._device = device

    def environment(self) -> Environment:
        """Returns versions, device and threads."""
        named = self._device == "cuda"
        return Environment(
            gradflat=importlib.metadata.version("gradflat"),
            torch=torch.__version__,
            python=platform.python_version(),
            device=f"cuda ({torch.cuda.get_device_name()})" if named else "cpu",
            threads=torch.get_num_threads(),
        )

    def run_shard(self, command: RunShard, observer: ChannelObserver) -> None:
        """Leaves the shard's results in its folder."""
        task = ShardTask(
            job_id=command.job_id,
            specification=command.specification,
            first=command.first,
            count=command.count,
            weights=command.weights,
            dataset=command.dataset,
            folder=command.folder,
            device=self._device,
            dense_limit=command.dense_limit,
            memory_budget_bytes=command.memory_budget_bytes,
            memory_limit_bytes=command.memory_limit_bytes,
            checkpoint_seconds=command.checkpoint_seconds,
        )
        run_shard(task, observer)

    def assemble(self, command: Assemble) -> None:
        """Leaves the report in its folder."""
        assemble(
            job_id=command.job_id,
            specification=command.specification,
            started_at=command.started_at,
            shard_folders=command.shard_folders,
            folder=command.folder,
            environment=self.environment(),
        )
