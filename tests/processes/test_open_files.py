import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli.processes import CONNECTIONS
from tests.support.servers.api_process import api_process

pytestmark = pytest.mark.servers


@pytest.fixture
def few_files() -> Iterator[int]:
    """Lets processes begin with few open files; how many they may ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_api_takes_as_many_clients_as_it_may(
    tmp_path: Path, few_files: int
) -> None:
    with api_process(tmp_path) as api:
        soft, _ = resource.prlimit(api.process.pid, resource.RLIMIT_NOFILE)
    if few_files != resource.RLIM_INFINITY:
        assert soft == min(CONNECTIONS, few_files)
