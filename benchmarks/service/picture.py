"""The plot of the service's benchmark."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Result
from benchmarks.style import COLOURS, panels


def plot(result: Result) -> Figure:
    """The share of polls, starts and deliveries that took longer than a time."""
    figure, (polls, starts, streams) = panels(f"Service: {result.title}", columns=3)
    for colour, name in zip(COLOURS, ("200, job runs", "200", "304"), strict=False):
        _tail(polls, result.series[name], label=name, colour=colour)
    polls.set_xscale("log")
    polls.set_yscale("log")
    polls.axvline(15.0, color="black", linewidth=0.8, linestyle=":")
    polls.set_title("Status polls, 200 a second")
    polls.legend(title="answer")
    _tail(starts, result.series["running_ms"], label="running", colour=COLOURS[3])
    starts.axvline(500.0, color="black", linewidth=0.8, linestyle=":")
    starts.set_title("From POST to a running job")
    _tail(streams, result.series["delays_ms"], label="delivery", colour=COLOURS[4])
    for axes in (starts, streams):
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
    streams.set_title("From an event to each of 200 clients")
    polls.set_ylabel("share that took longer")
    return figure


def _tail(axes: Axes, values: Sequence[float], *, label: str, colour: str) -> None:
    ordered = np.sort(values)
    longer = 1.0 - np.arange(len(ordered)) / len(ordered)
    axes.step(ordered, longer, where="post", label=label, color=colour)
    axes.set_xlabel("milliseconds")
