import hashlib
import random

import torch

from worker.datasets.randomness import generator


def test_draws_are_those_of_a_mersenne_twister_with_the_hashed_state() -> None:
    digest = hashlib.shake_256(repr((7, "starts", 3)).encode()).digest(4 * 624)
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 2496, 4)]
    twister = random.Random()  # noqa: S311
    twister.setstate((3, (*words, 624), None))
    expected = [twister.getrandbits(32) % 1000 for _ in range(2000)]
    drawn = torch.randint(0, 1000, (2000,), generator=generator(7, "starts", 3))
    assert drawn.tolist() == expected


def test_streams_repeat_and_differ() -> None:
    def draw(*path: str | int, seed: int = 0) -> list[float]:
        return torch.randn(20, generator=generator(seed, *path)).tolist()

    assert draw("a", 1) == draw("a", 1)
    others = [draw("a", 2), draw("b", 1), draw("a", 1, seed=1), draw("a", "1")]
    assert all(draw("a", 1) != other for other in others)


def test_starts_do_not_share_draws() -> None:
    seeds = 1000
    first = torch.stack(
        [
            torch.randint(0, 2**62, (2,), generator=generator(0, "starts", i))
            for i in range(seeds)
        ]
    )
    assert torch.unique(first, dim=0).shape[0] == seeds
    uniform = torch.stack(
        [torch.rand(1, generator=generator(0, "starts", i)) for i in range(seeds)]
    )
    assert abs(uniform.mean().item() - 0.5) < 4 * (1 / 12 / seeds) ** 0.5
