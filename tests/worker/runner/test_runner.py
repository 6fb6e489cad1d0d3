import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.settings import Settings
from tests.support.bench import ROOT, STANDIN
from tests.support.servers.procs import command
from tests.support.servers.waiting import until
from worker.protocol import Limits
from worker.runner import priority
from worker.supervisor.runners import RUNNER_COMMAND, START_LIMIT_S, Runner

INSPECT = """
import json, os, resource, sys
from worker.protocol import Limits
from worker.runner.limits import impose
impose(Limits.model_validate_json(sys.argv[1]))
names = ["RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_DATA"]
limits = {name: resource.getrlimit(getattr(resource, name))[0] for name in names}
with open("seen.json", "w") as file:
    json.dump({"environment": dict(os.environ), "limits": limits,
               "session": os.getsid(0), "pid": os.getpid()}, file)
"""

PARENT = """
import os, subprocess, sys
from pathlib import Path
from service.settings import Settings
from worker.protocol import Limits
from worker.supervisor.runners import Runner
runner = Runner(Path(sys.argv[1]), Settings(), sys.argv[2:])
next(iter(runner.replies(20)))
print(runner.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@contextmanager
def running(
    folder: Path, settings: Settings, command: tuple[str, ...]
) -> Generator[Runner]:
    folder.mkdir()
    runner = Runner(folder, settings, command)
    try:
        yield runner
    finally:
        runner.close()


def test_runner_is_limited_and_knows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADFLAT_BROKER_URL", "redis://:secret@127.0.0.1/0")
    monkeypatch.setenv("ANOTHER_SECRET", "secret")
    settings = Settings(
        runner_memory_bytes=1 << 33, runner_files=100, runner_processes=5000
    )
    folder = tmp_path / "run"
    with running(folder, settings, (sys.executable, "-c", INSPECT)) as runner:
        runner.kill(patience=20)
        seen = json.loads((folder / "seen.json").read_text())
    assert "secret" not in json.dumps(seen["environment"])
    assert not [name for name in seen["environment"] if name.startswith("GRADFLAT")]
    assert seen["environment"]["HOME"] == str(folder)
    assert seen["limits"] == {
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 100,
        "RLIMIT_NPROC": 5000,
        "RLIMIT_DATA": 1 << 33,
    }
    assert seen["session"] == seen["pid"] != os.getsid(0)
    assert not folder.exists()


def test_runner_steps_back_behind_the_processes_that_answer(tmp_path: Path) -> None:
    with running(tmp_path / "run", Settings(), RUNNER_COMMAND) as runner:
        assert next(runner.replies(START_LIMIT_S))
        assert os.getpriority(os.PRIO_PROCESS, runner.pid) == priority.NICENESS
        autogroup = Path(f"/proc/{runner.pid}/autogroup")
        if autogroup.exists():
            assert autogroup.read_text().endswith(f"nice {priority.NICENESS}\n")


def test_runner_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.run(
        [sys.executable, "-c", PARENT, tmp_path, *STANDIN],
        capture_output=True,
        text=True,
        check=False,
    )
    runner = int(parent.stdout)
    until(lambda: not command(runner), what="the end of the runner")


def limits(parent: int) -> str:
    return Limits(
        parent=parent, memory_bytes=1 << 33, files=100, processes=5000, device="cpu"
    ).model_dump_json()


def test_runner_ends_at_the_end_of_its_commands() -> None:
    ended = subprocess.run(
        [*STANDIN, limits(os.getpid())],
        input=b"",
        capture_output=True,
        cwd=ROOT,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1


def test_runner_of_another_parent_does_not_start() -> None:
    ended = subprocess.run([*STANDIN, limits(parent=1)], cwd=ROOT, check=False)
    assert ended.returncode == 1
