"""The life of ``gradflat up``."""

import json
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from service.connection import NAME
from tests.support.requests.job_bodies import quartic
from tests.support.requests.searches import autoencoder
from tests.support.servers.procs import command, kill
from tests.support.servers.stack import GRADFLAT, Stack, running_stack
from tests.support.servers.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("stack"),
]


def nothing_left(processes: dict[int, str]) -> bool:
    return not any(command(pid) == line for pid, line in processes.items())


def test_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running_stack(folder) as first:
        key = first.key
        assert first.line.startswith(f"gradflat is ready at {first.url}")
        running = first.submit(autoencoder(iterations=150, starts=6))
        first.progressed(running.id)
        waiting = first.submit(quartic())
        processes = first.all_processes()
        assert len(processes) >= 6
    assert first.process.returncode == 0
    until(lambda: nothing_left(processes), what="the end of all processes", seconds=2)
    assert not (folder / NAME).exists()
    assert list((folder / "scratch").iterdir()) == []

    with running_stack(folder) as second:
        assert second.key == key
        assert second.ended(running.id, seconds=120).state == "succeeded"
        assert second.ended(waiting.id, seconds=90).state == "succeeded"
        assert second.job(running.id).attempt == 1

        processes = second.all_processes()
        kill(second.process.pid)
        until(lambda: nothing_left(processes), what="the end of all processes")


def test_connection_file_is_private(stack: Stack) -> None:
    path = stack.data_dir / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {
        "url": stack.url,
        "api_key": stack.key,
        "pid": stack.process.pid,
    }
    secrets = [stack.data_dir / "api-key", stack.data_dir / "broker" / "valkey.conf"]
    assert {stat.S_IMODE(secret.stat().st_mode) for secret in secrets} == {0o600}


def test_password_is_on_no_command_line(stack: Stack) -> None:
    configuration = (stack.data_dir / "broker" / "valkey.conf").read_text()
    password = configuration.partition("requirepass ")[2].split()[0]
    assert len(password) > 20
    assert not [line for line in stack.all_processes().values() if password in line]


def test_folder_is_used_once(stack: Stack) -> None:
    second = subprocess.run(
        [*GRADFLAT, "up", "--port", "0", "--data-dir", str(stack.data_dir)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "another gradflat runs on" in second.stderr
    assert (stack.data_dir / NAME).exists()


def test_taken_port_is_told(stack: Stack, tmp_path: Path) -> None:
    port = stack.url.rpartition(":")[2]
    second = subprocess.run(
        [*GRADFLAT, "up", "--port", port, "--data-dir", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "something else listens there" in second.stderr


def test_ends_while_it_starts(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with subprocess.Popen(
        [*GRADFLAT, "up", "--port", "0", "--data-dir", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as starting:
        until((folder / "logs" / "worker.log").exists, what="a worker")
        starting.send_signal(signal.SIGINT)
        assert starting.wait(20) == 0
        assert starting.stdout is not None
        assert starting.stdout.read() == ""
