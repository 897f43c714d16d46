"""The operator's proof that the books balance, carried out against a test's own processes."""

import os
import subprocess
import sys

from tests.services.harness import ROOT, Process

BOOKS = ("orders", "inventory", "payments", "shipping")
TOLD = ("notifications", "analytics")
AT_MOST_SECONDS = 120


def ledger(*services: Process, kafka: str = "", within: float = 60) -> subprocess.CompletedProcess[str]:
    """Have the operator prove that the books of these services balance; its exit code is 0 if they do, 1 if not.

    It needs orders, inventory, payments and shipping. With `kafka` (`host:port`) it also proves what was told of the
    orders, and needs notifications and analytics; without, what only Kafka tells is not looked at. One that
    a test changed ("eager_orders") counts as the service whose name its own ends with.
    """
    given = {_service(process): process for process in services}
    needed = {*BOOKS, *(TOLD if kafka else ())}
    assert needed <= given.keys(), f"the ledger needs {', '.join(sorted(needed - given.keys()))} too"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "KAFKA_"))}
    environment |= {f"{name.upper()}_TARGET": process.target for name, process in given.items()}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"KAFKA_BOOTSTRAP_SERVERS": kafka} if kafka else {})
    command = [sys.executable, "-m", "services.operator", "ledger", "--within", str(within)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=within + AT_MOST_SECONDS, check=False
    )


def assert_balanced(*services: Process, kafka: str = "", within: float = 60) -> str:
    """Have the operator prove that the books balance; answer what it says."""
    run = ledger(*services, kafka=kafka, within=within)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _service(process: Process) -> str:
    known = (*BOOKS, *TOLD)
    return next((name for name in known if process.name == name or process.name.endswith(f"_{name}")), process.name)
