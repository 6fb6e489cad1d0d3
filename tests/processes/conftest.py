from collections.abc import Iterator

import pytest

from tests.support.long_job import Findings, undisturbed_findings
from tests.support.servers.postgres import postgres
from tests.support.servers.site import Site
from tests.support.servers.stack import Stack, running_stack
from tests.support.servers.valkey import valkey_server


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests that leave it working."""
    with running_stack(tmp_path_factory.mktemp("stack") / "data") as stack:
        yield stack


@pytest.fixture(scope="session")
def undisturbed(stack: Stack) -> Findings:
    """What the long job finds when nothing happens to it."""
    return undisturbed_findings(stack)


@pytest.fixture(scope="session")
def undisturbed_at_site(site: Site) -> Findings:
    """What the long job finds, shared by two workers, when nothing happens to it."""
    return undisturbed_findings(site.stack)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two workers on servers that the tests may stop, with three shards a long job."""
    with (
        postgres() as database,
        valkey_server(tmp_path_factory.mktemp("broker")) as broker,
        running_stack(
            tmp_path_factory.mktemp("site") / "data",
            ("--broker-url", broker.url),
            GRADFLAT_BROKER_URL=broker.url,
            GRADFLAT_DATABASE_URL=database.new_database(),
            GRADFLAT_STARTS_PER_SHARD="2",
        ) as stack,
        stack.another_worker() as second,
    ):
        yield Site(stack, database, broker, second)
