"""Independent random streams, each named by a seed and a path.

The CPU generator of torch keeps only 32 bits of the seed it is given, so that two of a
hundred thousand starts would probably share their draws. Here the whole state of the
Mersenne twister comes from a hash of the seed and the path.
"""

import hashlib

import torch

_WORDS = 624  # of the Mersenne twister's state
_OFFSET = 3  # 64-bit words before them in torch's state: seed, counters, position


def generator(seed: int, *path: str | int) -> torch.Generator:
    """A generator whose draws depend on the seed and the path alone.

    Args:
        seed: The job's seed.
        path: Name of the stream and, where there is one for each, the start's number.

    Returns:
        A generator on the CPU, whatever the device of the computation.
    """
    key = repr((seed, *path)).encode()
    words = hashlib.shake_256(key).digest(4 * _WORDS)
    stream = torch.Generator().manual_seed(seed)
    state = stream.get_state()
    state.view(torch.int64)[_OFFSET : _OFFSET + _WORDS] = torch.frombuffer(
        bytearray(words), dtype=torch.uint32
    ).to(torch.int64)
    stream.set_state(state)
    return stream
