"""The database: SQLite on one host, PostgreSQL on several."""

from sqlalchemy import Engine


def connect(url: str) -> Engine:
    """Returns a connection pool; nothing is connected before it is used."""
    raise NotImplementedError


def migrate(engine: Engine) -> None:
    """Brings the schema to the newest revision; safe from several processes at once."""
    raise NotImplementedError
