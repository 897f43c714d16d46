"""The configurations of the Collector: each is valid, and the lines of all log formats arrive with what they say."""

import json
import os
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mesh.local import loopback, tools
from mesh.local.instance import port_in_use
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.processes import free_port

COLLECTOR = ROOT / "mesh/observability/collector"
BACKENDS = sorted((COLLECTOR / "backends").glob("*.yaml"))
LOCAL = ROOT / "mesh/local/platform/observability/backend.yaml"
# What a user sets. The SDK of AWS would ask the metadata server of the machine for keys.
VARIABLES = {
    "LISTEN_IP": "127.0.0.1",
    "NODE_NAME": "node",
    "DD_SITE": "datadoghq.com",
    "DD_API_KEY": "not-a-key",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "not-a-key",
    "AWS_SECRET_ACCESS_KEY": "not-a-key",
    "AWS_EC2_METADATA_DISABLED": "true",
    "LOG_GROUP": "/shop",
    "ELASTIC_OTLP_ENDPOINT": "https://elastic.example.com",
    "ELASTIC_API_KEY": "not-a-key",
}
TRACE, SPAN = "484810dfc19518d1b73f80d5c6f8f281", "d0183ef37521860c"
APP = {
    "time": "2026-11-28T10:59:14.050+00:00",
    "level": "ERROR",
    "logger": "access",
    "message": "/shop.orders.v1.OrdersService/PlaceOrder OK",
    "trace_id": TRACE,
    "span_id": SPAN,
}
ACCESS = {
    "authority": "orders",
    "path": "/shop.orders.v1.OrdersService/PlaceOrder",
    "response_code": 200,
    "response_flags": "UF",
    "start_time": "2026-11-28T10:59:13.938Z",
    "trace_id": TRACE,
}
STAMP = "2026-11-28T11:00:00.000000000Z stdout F "
"""What a kubelet writes before a line."""
LINES = {
    "app": json.dumps(APP),
    "istio-proxy": json.dumps(ACCESS, separators=(",", ":")),
    "discovery": "2026-11-28T10:59:12.813000Z\twarn\tads\ta push",
    "kafka": "[2026-11-28 10:59:12] INFO a line in a format that only Kafka has",
    "broken": '{"time": "2026-11-28, but the line ends here',
}


def validate(folder: Path, *configurations: Path) -> subprocess.CompletedProcess[str]:
    (folder / "var/lib/otelcol").mkdir(parents=True, exist_ok=True)
    words = [str(tools.bin_dir() / "otelcol"), "validate", *(f"--config={path}" for path in configurations)]
    return subprocess.run(
        words, cwd=folder, env=os.environ | VARIABLES, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("backend", [*BACKENDS, LOCAL], ids=lambda path: path.parent.name + "/" + path.stem)
def test_the_collector_accepts_each_configuration(backend: Path, tmp_path: Path) -> None:
    done = validate(tmp_path, COLLECTOR / "base.yaml", backend)
    assert done.returncode == 0, done.stderr


def test_the_collector_refuses_a_configuration_without_a_destination(tmp_path: Path) -> None:
    done = validate(tmp_path, COLLECTOR / "base.yaml")
    assert done.returncode, "there is no exporter"
    assert "must have at least one exporter" in done.stderr


def test_the_collector_refuses_a_setting_that_does_not_exist(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(LOCAL.read_text().replace("logs_endpoint", "log_endpoint"))
    assert "log_endpoint" in validate(tmp_path, COLLECTOR / "base.yaml", wrong).stderr


@contextmanager
def running(folder: Path, program: str, *words: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(tools.bin_dir() / program), *words], cwd=folder, env=os.environ | variables, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def query(port: int, logsql: str) -> list[dict[str, Any]]:
    body = urllib.parse.urlencode({"query": logsql}).encode()
    with loopback.open_url(f"http://127.0.0.1:{port}/select/logsql/query?{body.decode()}", 10) as reply:
        return [json.loads(line) for line in reply.read().splitlines()]


@pytest.fixture(params=["local", "kubelet"])
def pod_logs(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Write the log of each container as the local node does, or as a kubelet does."""
    before = STAMP if request.param == "kubelet" else ""
    for container, line in LINES.items():
        folder = tmp_path / f"var/log/pods/shop_orders-1_7c0d/{container}"
        folder.mkdir(parents=True)
        (folder / "0.log").write_text(f"{before}{line}\n")
    (tmp_path / "var/lib/otelcol").mkdir(parents=True)
    return tmp_path


def before(folder: Path) -> str:
    """Return what is before each line of these logs."""
    log = folder / "var/log/pods/shop_orders-1_7c0d/kafka/0.log"
    return STAMP if log.read_text().startswith(STAMP) else ""


async def test_each_line_arrives_once_with_its_time_level_and_trace(pod_logs: Path) -> None:
    store, *others = (free_port() for _ in range(5))
    # The configurations of the local mesh, on other ports.
    texts = [path.read_text() for path in (COLLECTOR / "base.yaml", LOCAL)]
    fixed = ("4317", "4318", "13133", "8888", "9428")
    for name, text in zip(("base.yaml", "backend.yaml"), texts, strict=True):
        for number, port in zip(fixed, (*others, store), strict=True):
            text = text.replace(number, str(port))  # noqa: PLW2901  # one after the other
        (pod_logs / name).write_text(text)
    configurations = ("--config=base.yaml", "--config=backend.yaml")
    forever = ("-retentionPeriod=100y", "-futureRetention=100y")
    with running(pod_logs, "victoria-logs", f"-httpListenAddr=127.0.0.1:{store}", "-storageDataPath=logs", *forever):
        async for attempt in eventually(20):
            with attempt:
                assert port_in_use("127.0.0.1", store)
        for count in (len(LINES), len(LINES) + 1):
            # The second one continues where the first one has stopped: only a new line is read.
            if count > len(LINES):
                with (pod_logs / "var/log/pods/shop_orders-1_7c0d/kafka/0.log").open("a") as log:
                    log.write(f"{before(pod_logs)}second line\n")
            with running(pod_logs, "otelcol", *configurations, LISTEN_IP="127.0.0.1"):
                async for attempt in eventually(20):
                    with attempt:
                        assert len(query(store, "*")) >= count
        assert len(query(store, "*")) == len(LINES) + 1
        lines = query(store, '_msg:!="second line"')
    found = {line["k8s.container.name"]: line for line in lines}
    assert {(line["k8s.namespace.name"], line["k8s.pod.name"]) for line in found.values()} == {("shop", "orders-1")}
    app, access, istiod = found["app"], found["istio-proxy"], found["discovery"]
    assert (app["_time"], app["severity_text"], app["_msg"]) == ("2026-11-28T10:59:14.05Z", "ERROR", APP["message"])
    assert (app["trace_id"], app["span_id"], app["logger"]) == (TRACE, SPAN, "access")
    assert (access["_time"], access["_msg"]) == (ACCESS["start_time"], f"{ACCESS['path']} 200 UF")
    assert access["trace_id"] == TRACE
    assert (istiod["_time"], istiod["severity_text"], istiod["_msg"]) == (
        "2026-11-28T10:59:12.813Z",
        "warn",
        "ads\ta push",
    )
    assert found["kafka"]["_msg"] == LINES["kafka"]
    assert found["broken"]["_msg"] == LINES["broken"], "a line that is not what it seems is kept"
