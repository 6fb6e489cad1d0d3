import subprocess
import sys
from pathlib import Path

from worker.supervisor.scratch import Scratch

ABANDON = """
import os, sys
from pathlib import Path
from worker.supervisor.scratch import Scratch
Scratch(Path(sys.argv[1])).folder()
os.kill(os.getpid(), 9)
"""


def test_nothing_is_left(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    (scratch.folder() / "file").touch()
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", ABANDON, tmp_path], check=False)
    (abandoned,) = tmp_path.iterdir()
    scratch = Scratch(tmp_path)
    assert not abandoned.exists()
    scratch.close()


def test_folders_of_the_living_stay(tmp_path: Path) -> None:
    first = Scratch(tmp_path)
    second = Scratch(tmp_path)
    assert first.root.exists()
    first.close()
    second.close()
