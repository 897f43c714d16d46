"""The prober: a customer outside of the mesh that buys, watches and cancels, and reports what it meets as metrics."""

import json
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mesh.local import loopback
from mesh.local.instance import port_in_use
from tests.mesh.harness import MESH, Mesh
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.processes import free_port

ACCOUNT = {"PROBER_EMAIL": f"{uuid.uuid4().hex[:8]}@shop.example", "PROBER_PASSWORD": uuid.uuid4().hex}

ABORT = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "orders-traffic", "namespace": "shop"},
    "spec": {
        "http": [
            {
                "fault": {"abort": {"percentage": {"value": 100}, "grpcStatus": "UNAVAILABLE"}},
                "route": [{"destination": {"host": "orders.shop.svc.cluster.local"}}],
            }
        ]
    },
}


class Prober:
    """A running prober."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self._port, self._log = process, port, log

    def counts(self) -> dict[str, float]:
        """Return the counters by their names with their labels. Raises AssertionError while it does not listen."""
        assert port_in_use("127.0.0.1", self._port), self._log.read_text()
        with loopback.open_url(f"http://127.0.0.1:{self._port}/metrics", 5) as reply:
            text = reply.read().decode()
        return {name: float(value) for name, value in re.findall(r"^(probe_\w+_total\S*) (\S+)$", text, re.MULTILINE)}

    def lines(self) -> list[dict[str, str]]:
        """Return the lines of its log."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@contextmanager
def prober(folder: Path, target: str, interval: float = 0.2) -> Iterator[Prober]:
    port, log = free_port(), folder / "log"
    settings = {
        "METRICS_LISTEN": f"127.0.0.1:{port}",
        "PROBER_TARGET": target,
        "PROBER_INTERVAL_SECONDS": str(interval),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mesh.prober"], cwd=ROOT, env=ACCOUNT | settings, stdout=output, stderr=output
        )
    try:
        yield Prober(process, port, log)
    finally:
        process.kill()
        process.wait()


async def test_it_buys_watches_and_cancels_and_the_books_balance(mesh: Mesh, tmp_path: Path) -> None:
    with prober(tmp_path, mesh.gateway) as running:
        async for attempt in eventually(30):
            with attempt:
                assert running.counts()['probe_runs_total{outcome="success"}'] >= 3
        assert running.counts()['probe_runs_total{outcome="failure"}'] == 0
        running.process.send_signal(signal.SIGTERM)
        async for attempt in eventually(20):
            with attempt:
                assert running.process.poll() == 0, "it ends after the probe that runs, without an error"
        orders = [line["order"] for line in running.lines()]
    done = await mesh.run(
        MESH,
        "call",
        "-i",
        mesh.name,
        "shop.orders.v1.OrdersService/GetOrder",
        json.dumps({"name": f"orders/{orders[0]}"}),
    )
    assert "STATE_CANCELLED" in done.stdout, done.stderr
    assert (await mesh.run(MESH, "ledger", "-i", mesh.name)).returncode == 0


async def test_a_failure_is_counted_by_step_and_the_order_is_cancelled_afterwards(mesh: Mesh, tmp_path: Path) -> None:
    with prober(tmp_path, mesh.gateway) as running:
        async for attempt in eventually(30):
            with attempt:
                assert running.counts()['probe_runs_total{outcome="success"}'] >= 1
        async with mesh.applied(ABORT):
            async for attempt in eventually(30):
                with attempt:
                    failed = [name for name in running.counts() if name.startswith("probe_failures_total")]
                    assert any('status="UNAVAILABLE"' in name for name in failed), failed
            successes = running.counts()['probe_runs_total{outcome="success"}']
        async for attempt in eventually(30):
            with attempt:
                assert running.counts()['probe_runs_total{outcome="success"}'] > successes


async def test_a_gateway_that_is_away_is_a_failure_of_the_login(tmp_path: Path) -> None:
    with prober(tmp_path, f"127.0.0.1:{free_port()}") as running:
        async for attempt in eventually(20):
            with attempt:
                assert running.counts()['probe_failures_total{status="UNAVAILABLE",step="login"}'] >= 2
        assert psutil.Process(running.process.pid).is_running()


@pytest.mark.parametrize("missing", ["PROBER_EMAIL", "PROBER_TARGET", "METRICS_LISTEN"])
def test_a_missing_variable_is_named_in_one_line(missing: str) -> None:
    settings = ACCOUNT | {"METRICS_LISTEN": "127.0.0.1:1", "PROBER_TARGET": "127.0.0.1:1"}
    env = {name: value for name, value in settings.items() if name != missing}
    words = [sys.executable, "-m", "mesh.prober"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (2, f"prober: '{missing}' is not set\n")
