import pytest
from click.testing import CliRunner

from service.cli.main import main


@pytest.mark.parametrize("command", ["up", "api"])
@pytest.mark.parametrize("port", ["-1", "65536", "99999"])
def test_a_port_that_cannot_be_is_refused(command: str, port: str) -> None:
    result = CliRunner().invoke(main, [command, "--port", port])

    assert result.exit_code == 2
    assert "is not in the range 0<=x<=65535" in result.output
