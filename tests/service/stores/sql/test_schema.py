from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from service.stores.sql.database import connect, write
from service.stores.sql.schema import is_current, migrate, newest_revision
from service.stores.sql.upgrade import migrations


def test_the_newest_revision_is_the_head_of_the_migrations(engine: Engine) -> None:
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(migrations(connection))
    assert script.get_heads() == [newest_revision()]


def test_tables_are_current_only_at_the_newest_revision(bare_url: str) -> None:
    engine = connect(bare_url)
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    with write(engine) as connection:
        command.downgrade(migrations(connection), "-1")
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    engine.dispose()
