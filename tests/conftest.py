from collections import Counter

import pytest
from hypothesis import settings

# The same examples in every run; `--hypothesis-profile default` draws others.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

pytest_plugins = ["tests.support.servers.databases", "tests.support.numerics.devices"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests with the same id only one would run where several processes do."""
    doubled = [name for name, n in Counter(i.nodeid for i in items).items() if n > 1]
    if doubled:
        raise pytest.UsageError(f"several tests are called {doubled}")
