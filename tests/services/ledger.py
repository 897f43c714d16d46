"""Runs the operator's ledger command against the processes of a test."""

import os
import subprocess
import sys
from collections.abc import Iterable

from tests.support.checkout import ROOT
from tests.support.processes import Process

BOOKS = ("orders", "inventory", "payments", "shipping")
CONSUMERS = ("notifications", "analytics")
# Beyond the time for which the command waits for the books to balance.
TIMEOUT_SECONDS = 120


def ledger(*services: Process, kafka: str = "", within: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the ledger command, which waits up to `within` seconds for the books of these services to balance.

    Its exit code is 0 if they balance, 1 if not. It needs orders, inventory, payments and shipping. With `kafka`
    (`host:port`) it also checks the events and their consumers, and needs notifications and analytics. A modified
    service ("fast_recovery_orders") counts as the service at the end of its name.
    """
    return operator("ledger", "--within", str(within), services=services, kafka=kafka, timeout=within + TIMEOUT_SECONDS)


def operator(
    *words: str, services: Iterable[Process], kafka: str = "", timeout: float = TIMEOUT_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run a command of the operator that reads the records of these services."""
    processes = {_service(process): process for process in services}
    needed = {*BOOKS, *(CONSUMERS if kafka else ())}
    assert needed <= processes.keys(), f"the ledger needs {', '.join(sorted(needed - processes.keys()))} too"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "KAFKA_"))}
    environment |= {f"{name.upper()}_TARGET": process.target for name, process in processes.items()}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"KAFKA_BOOTSTRAP_SERVERS": kafka} if kafka else {})
    command = [sys.executable, "-m", "services.operator", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)


def assert_balanced(*services: Process, kafka: str = "", within: float = 60) -> str:
    """Assert that the books balance, and return what the ledger command prints."""
    run = ledger(*services, kafka=kafka, within=within)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _service(process: Process) -> str:
    names = (*BOOKS, *CONSUMERS)
    return next((name for name in names if process.name == name or process.name.endswith(f"_{name}")), process.name)
