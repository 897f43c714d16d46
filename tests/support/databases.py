"""The databases of tests: the service suites run on each backend."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, NullPool, Row, create_engine, make_url, text

NAMES = ("sqlite", "postgresql")


class Databases(Protocol):
    """Provides a database for each process of a test."""

    name: str

    def url(self, folder: Path, service: str) -> str:
        """Return the URL of the database for `folder`; always the same one for the same folder."""


class SQLiteFiles:
    """SQLite files in the folders of the processes."""

    name = "SQLite"

    def url(self, folder: Path, service: str) -> str:
        """Return the URL of a file, which need not exist yet."""
        return f"sqlite:///{folder}/data/{service}.db"


@contextmanager
def connect(url: str) -> Iterator[Connection]:
    """Connect to the database of a service, with the role of the service. Each statement is a transaction."""
    engine = create_engine(make_url(url.replace("+aiosqlite", "")), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def query(url: str, statement: str, **parameters: object) -> list[Row[tuple[object, ...]]]:
    """Execute a statement in the database of a service, with the role of the service. Return the rows."""
    with connect(url) as connection:
        result = connection.execute(text(statement), parameters)
        return list(result) if result.returns_rows else []
