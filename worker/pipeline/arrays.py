"""A shard's arrays: its points, the histories of its runs, its data set."""

from safetensors.torch import save_file

from worker.build import Built
from worker.finders.loop.state import SearchState
from worker.networks.weights import write
from worker.pipeline.task import ShardTask
from worker.reports.artifacts import DATASET, POINTS, TRACES


def write_arrays(task: ShardTask, built: Built, state: SearchState) -> None:
    """Writes them into the task's folder; the data set once a job, if it is wanted.

    Args:
        task: The shard.
        built: Its problem.
        state: The state in which its runs ended.
    """
    write(
        task.folder / POINTS,
        built.layout,
        state.theta,
        parameter_map=built.parameter_map,
        buffers=built.buffers,
    )
    columns = int(state.iterations.max()) + 1
    histories = {
        name: trace[:, :columns].cpu().contiguous()
        for name, trace in state.traces.items()
    }
    save_file(histories, task.folder / TRACES)
    samples = built.dataset
    if samples is not None and task.specification.keep_dataset and task.first == 0:
        arrays = {"x": samples.x.cpu().clone(), "y": samples.y.cpu().clone()}
        save_file(arrays, task.folder / DATASET)
