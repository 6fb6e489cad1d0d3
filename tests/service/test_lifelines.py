import os
import subprocess
import sys

from tests.support.servers.procs import command
from tests.support.servers.waiting import until

PARENT = """
import os, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-m", "service.lifelines", str(os.getpid()), "sleep", "1000"],
    stdout=subprocess.DEVNULL,
)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_command_ends_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        until(lambda: command(child).startswith("sleep"), what="the command")
        parent.kill()
    until(lambda: not command(child), what="the end of the command")


def test_command_of_another_parent_does_not_begin() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "service.lifelines", str(os.getppid()), "echo", "begun"],
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, b"")
