"""`python -m mesh.prober`: probes the shop until SIGTERM, and serves its metrics.

| variable | meaning |
|---|---|
| PROBER_TARGET | the gateway, host:port, without TLS |
| PROBER_TARGET_TLS | the gateway, host:port, with TLS; instead of PROBER_TARGET |
| PROBER_EMAIL, PROBER_PASSWORD | its account; it signs up if there is none |
| PROBER_INTERVAL_SECONDS | from the start of a probe to that of the next one; 15 by default |
| METRICS_LISTEN | where it serves /metrics, host:port |
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import grpc
from prometheus_client import start_http_server

from mesh.prober.metrics import LAST_SUCCESS, RUNS
from mesh.prober.probe import Account, Probe, ProbeFailedError

DEFAULT_INTERVAL_SECONDS = "15"
# A proxy in the environment is meant for the internet.
OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.primary_user_agent", "prober")]


def main(environ: Mapping[str, str]) -> int:
    """Probe until SIGTERM or SIGINT. Returns 0, or 2 if the environment is invalid."""
    try:
        account = Account(environ["PROBER_EMAIL"], environ["PROBER_PASSWORD"])
        interval = float(environ.get("PROBER_INTERVAL_SECONDS", DEFAULT_INTERVAL_SECONDS))
        host, _, port = environ["METRICS_LISTEN"].rpartition(":")
        channel = _open(environ)
        start_http_server(int(port), host)
    except (KeyError, ValueError, OSError) as error:
        problem = f"{error} is not set" if isinstance(error, KeyError) else error
        sys.stderr.write(f"prober: {problem}\n")
        return 2
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    probe = Probe(channel, account)
    while not stopping.is_set():
        started = time.monotonic()
        _run(probe)
        stopping.wait(max(0.0, interval - (time.monotonic() - started)))
    channel.close()
    return 0


def _open(environ: Mapping[str, str]) -> grpc.Channel:
    if target := environ.get("PROBER_TARGET_TLS"):
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(), OPTIONS)
    return grpc.insecure_channel(environ["PROBER_TARGET"], OPTIONS)


def _run(probe: Probe) -> None:
    started = time.monotonic()
    try:
        order = probe.run()
    except ProbeFailedError as error:
        RUNS.labels("failure").inc()
        _log("WARNING", f"the probe failed at {error}", step=error.step, status=error.status)
        return
    RUNS.labels("success").inc()
    LAST_SUCCESS.set_to_current_time()
    milliseconds = round((time.monotonic() - started) * 1000, 1)
    _log("INFO", "bought, watched and cancelled", order=order.removeprefix("orders/"), duration_ms=milliseconds)


def _log(level: str, message: str, **fields: object) -> None:
    """Write a line in the format of the services (services/runtime/logs.py)."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"time": now, "level": level, "logger": "prober", "message": message, "service": "prober", **fields}
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(os.environ))
