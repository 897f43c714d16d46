"""Where a test's data are kept: the service suites run on each of these."""

from pathlib import Path
from typing import Protocol

from sqlalchemy import NullPool, Row, create_engine, make_url, text

NAMES = ("sqlite", "postgresql")


class Databases(Protocol):
    """Gives each process of a test a database of its own."""

    name: str

    def url(self, folder: Path, service: str) -> str:
        """Answer the URL of the database that stands for `folder`, the same one each time."""


class SQLiteFiles:
    """Files below the folders themselves."""

    name = "SQLite"

    def url(self, folder: Path, service: str) -> str:
        """Answer the URL of a file that need not be there yet."""
        return f"sqlite+aiosqlite:///{folder}/data/{service}.db"


def query(url: str, statement: str, **parameters: object) -> list[Row[tuple[object, ...]]]:
    """Carry a statement out in a service's database, as its own role, and answer its rows."""
    engine = create_engine(make_url(url.replace("+aiosqlite", "")), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        result = connection.execute(text(statement), parameters)
        return list(result) if result.returns_rows else []
