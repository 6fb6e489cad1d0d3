"""The software and hardware that produced a report."""

from service.schemas.base import Schema


class Environment(Schema):
    """Versions and device of a runner."""

    gradflat: str
    torch: str
    python: str
    device: str
    threads: int
