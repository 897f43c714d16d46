"""What a service process imports. Its start is mostly imports, so it imports only what it uses."""

import pytest

from tests.support.processes import Process
from tests.support.starters import Start

OF_IDENTITY = {"argon2", "cryptography", "jwt"}
PREFIX = "import time:"
"""Python begins a line of standard error with it after each import, if this variable is set:"""
REPORT = {"PYTHONPROFILEIMPORTTIME": "1"}


def imported(process: Process) -> set[str]:
    """Return the modules that a process with the environment REPORT has imported."""
    lines = [line for line in process.errors().splitlines() if line.startswith(PREFIX)]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_alembic_is_imported_only_to_migrate(start: Start) -> None:
    first = start("payments", REPORT)
    assert "alembic" in imported(first)
    first.stop()
    second = start("payments", REPORT, folder="second", data_folder="payments")
    assert "sqlalchemy" in imported(second)
    assert "alembic" not in imported(second)


def test_a_process_with_sqlite_imports_neither_the_orm_nor_psycopg(start: Start) -> None:
    modules = imported(start("shipping", REPORT))
    assert "sqlite3" in modules
    assert not modules & {"sqlalchemy.orm", "psycopg", "greenlet"}


@pytest.mark.parametrize("service", ["identity", "orders", "reflection"])
def test_only_identity_imports_cryptography(start: Start, service: str) -> None:
    modules = imported(start(service, REPORT))
    assert modules & OF_IDENTITY == (OF_IDENTITY if service == "identity" else set())


def test_the_messages_of_opentelemetry_are_imported_only_to_export_spans(start: Start) -> None:
    without = imported(start("shipping", REPORT))
    exporting = imported(start("shipping", {**REPORT, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, folder="2"))
    assert "opentelemetry.proto" not in without
    assert "opentelemetry.proto" in exporting
    assert not {"opentelemetry.sdk", "opentelemetry.propagate"} & exporting
