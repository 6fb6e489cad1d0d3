import re
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from service.app import create_app
from service.settings import Settings
app = create_app(Settings(data_dir=Path(sys.argv[1])))
app.openapi()
assert not list(Path(sys.argv[1]).iterdir()), "nothing is touched before the start"
heavy = {"torch", "worker", "safetensors", "scipy", "alembic"} & set(sys.modules)
assert not heavy, heavy
print(Path("/proc/self/status").read_text())
"""


def test_the_front_end_is_light(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        check=True,
        text=True,
    )
    match = re.search(r"VmRSS:\s+(\d+) kB", done.stdout)
    assert match is not None
    resident = int(match[1]) / 1024
    print(f"the front end takes {resident:.0f} MiB")  # noqa: T201
    assert resident < 150
