"""``python -m worker.runner LIMITS``: serves one supervisor until it goes away."""

import sys

from worker.protocol import Limits
from worker.runner.channel import Channel
from worker.runner.limits import impose
from worker.runner.priority import yield_to_others
from worker.runner.serve import serve


def main() -> None:
    """Takes its place, then imports the numerics, then does what it is told."""
    limits = Limits.model_validate_json(sys.argv[1])
    impose(limits)
    yield_to_others()
    channel = Channel.over_standard_streams()

    from worker.runner.computation import (  # noqa: PLC0415 - torch, under the limits
        PipelineComputation,
    )

    serve(channel, PipelineComputation(limits.device))


if __name__ == "__main__":
    main()
