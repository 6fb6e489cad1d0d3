import stat
from pathlib import Path

from service.connection import NAME, Connection, read, write

CONNECTION = Connection(url="http://127.0.0.1:8000", api_key="gfk_x", pid=1)


def test_written_is_read(tmp_path: Path) -> None:
    write(tmp_path, CONNECTION)
    write(tmp_path, CONNECTION)
    assert read(tmp_path) == CONNECTION
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_nothing_there(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / NAME).write_text("{}")
    assert read(tmp_path) is None
