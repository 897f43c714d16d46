"""What features cost: those of the runtime on catalog, those of the mesh on a server that does nothing else."""

import asyncio
import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import psutil

from bench.context import Bench
from bench.errors import BenchError
from bench.figures import Figure
from bench.generators import GrpcLoad, write_protoset
from bench.groups.read import METHOD, NAMES, Load, run_load, start_bare_server
from bench.mesh import BenchMesh
from bench.rounds import Case, Sample, measure
from bench.usage import CpuMeter
from services.runtime.rpc.validation import compile_rules, validate
from shop.catalog.v1 import catalog_pb2
from tests.support.processes import free_port

IN_FLIGHT = 16
CONDITION = f"{IN_FLIGHT} in flight"
RUNTIME = "catalog, no mesh"
VALIDATION = "the validation of its request"
MESH = "a bare server through two sidecars"
WITHOUT_TLS, WITHOUT_LOG, WITH_POLICY = f"{MESH}, no mutual TLS", f"{MESH}, no access log", f"{MESH}, with a policy"
NAMESPACE = "bench"
WORKLOADS = {MESH: "full", WITHOUT_TLS: "plaintext", WITHOUT_LOG: "silent", WITH_POLICY: "guarded"}
"""Subject → the name of its server."""
CALLER, SILENT_CALLER = "caller", "silent-caller"
ROLLOUT_TIMEOUT, START_TIMEOUT_SECONDS = "--timeout=120s", 60


async def measure_features(bench: Bench) -> list[Figure]:
    """Measure the same call with and without each feature."""
    load = GrpcLoad(write_protoset(catalog_pb2.DESCRIPTOR, bench.folder / "catalog.protoset"), METHOD, {"names": NAMES})
    cases = [*_runtime_cases(bench, load)]
    if bench.with_mesh:
        cases += await _mesh_cases(bench, load)
    return await measure(cases, bench.settings)


def _runtime_cases(bench: Bench, load: GrpcLoad) -> Iterator[Case]:
    collector, _ = bench.start_module("bench.collector", lambda address: [address])
    settings = {
        RUNTIME: {},
        f"{RUNTIME}, no access log": {"LOG_LEVEL": "WARNING"},
        f"{RUNTIME}, traces exported": {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector}"},
    }
    for number, (subject, env) in enumerate(settings.items()):
        address = f"127.0.0.1:{free_port()}"
        process = bench.start("catalog", {"GRPC_LISTEN": address, **env}, folder=f"features/{number}")
        meter = CpuMeter({"app": [psutil.Process(process.popen.pid)]})
        yield _case(subject, partial(load.run, address), meter, "" if subject == RUNTIME else RUNTIME)
    compile_rules(["shop.catalog.v1.CatalogService"])
    yield Case(VALIDATION, CONDITION, _validate, RUNTIME)


async def _validate(seconds: float) -> Sample:
    """Validate the request of the load again and again, and return the processor time of one validation."""
    request = catalog_pb2.BatchGetProductsRequest(names=NAMES)
    started, count = time.process_time(), 0
    while time.process_time() < started + seconds / 2:
        validate(request)
        count += 1
    return {"CPU µs: app": 1e6 * (time.process_time() - started) / count}


async def _mesh_cases(bench: Bench, load: GrpcLoad) -> list[Case]:
    mesh = bench.mesh
    # The bare server in the mesh returns the reply of a catalog without it.
    address = f"127.0.0.1:{free_port()}"
    bench.start("catalog", {"GRPC_LISTEN": address}, folder="features/reply")
    start_bare_server(bench, address)
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*_manifests(str(bench.folder / "reply"))]})
    mesh.kubectl.run("apply", "--server-side", "-f", "-", stdin=manifests)
    for name in (*WORKLOADS.values(), CALLER, SILENT_CALLER):
        mesh.kubectl.run("rollout", "status", "-n", NAMESPACE, f"deployment/{name}", ROLLOUT_TIMEOUT)
    cases = [_mesh_case(mesh, load, subject) for subject in WORKLOADS]
    for case in cases:
        await _wait_until_it_responds(case)
    return cases


def _mesh_case(mesh: BenchMesh, load: GrpcLoad, subject: str) -> Case:
    server = mesh.pod(WORKLOADS[subject], NAMESPACE)
    client = mesh.pod(SILENT_CALLER if subject == WITHOUT_LOG else CALLER, NAMESPACE)
    meter = CpuMeter({"client sidecar": mesh.envoy_of(client), "server sidecar": mesh.envoy_of(server)})
    host = f"{WORKLOADS[subject]}.{NAMESPACE}.svc.cluster.local"
    run = partial(load.run, mesh.egress(client), authority=host)
    return _case(subject, run, meter, "" if subject == MESH else MESH)


async def _wait_until_it_responds(case: Case) -> None:
    """Wait until the proxies have their configuration and the server listens."""
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            await case.run(0.1)
        except BenchError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)
        else:
            return


def _case(subject: str, load: Load, meter: CpuMeter, baseline: str) -> Case:
    return Case(subject, CONDITION, partial(run_load, load, IN_FLIGHT, meter), baseline)


def _manifests(reply: str) -> Iterator[dict[str, Any]]:
    yield namespace()
    for subject, name in WORKLOADS.items():
        yield deployment(name, ["python", "-m", "bench.bare_server", "unix:run/app.sock", reply])
        ports = [{"name": "grpc", "port": 50051, "appProtocol": "grpc"}]
        yield resource("v1", "Service", name, {"selector": {"app": name}, "ports": ports})
        tls = {"mode": "DISABLE" if subject == WITHOUT_TLS else "ISTIO_MUTUAL"}
        host = f"{name}.{NAMESPACE}.svc.cluster.local"
        rule = {"host": host, "trafficPolicy": {"tls": tls}}
        yield resource("networking.istio.io/v1", "DestinationRule", name, rule)
    for name in (CALLER, SILENT_CALLER):
        yield deployment(name, ["python", "-c", "import signal; signal.pause()"])
    plaintext = {"selector": {"matchLabels": {"app": WORKLOADS[WITHOUT_TLS]}}, "mtls": {"mode": "DISABLE"}}
    yield resource("security.istio.io/v1", "PeerAuthentication", "plaintext", plaintext)
    for name in (WORKLOADS[WITHOUT_LOG], SILENT_CALLER):
        silent = {"selector": {"matchLabels": {"app": name}}, "accessLogging": [{"disabled": True}]}
        yield resource("telemetry.istio.io/v1", "Telemetry", name, silent)
    source = {"principals": [f"cluster.local/ns/{NAMESPACE}/sa/default"]}
    path = "/" + "/".join(METHOD.rsplit(".", 1))
    rules = [{"from": [{"source": source}], "to": [{"operation": {"paths": [path]}}]}]
    policy = {"selector": {"matchLabels": {"app": WORKLOADS[WITH_POLICY]}}, "rules": rules}
    yield resource("security.istio.io/v1", "AuthorizationPolicy", "guarded", policy)


def namespace() -> dict[str, Any]:
    """Return the manifest of the namespace of the benchmark, in which every Pod gets a sidecar."""
    metadata = {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def resource(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of a resource in the namespace of the benchmark."""
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def deployment(
    name: str, command: list[str], labels: dict[str, str] | None = None, image: str = "grpc-mesh/services:dev"
) -> dict[str, Any]:
    """Return a Deployment of one Pod with a sidecar. With the default image, its app is a command in this Python."""
    port = {"name": "grpc", "containerPort": 50051}
    container = {"name": "app", "image": image, "command": command, "ports": [port]}
    annotations = {"sidecar.istio.io/interceptionMode": "NONE", "sidecar.istio.io/rewriteAppHTTPProbers": "false"}
    template = {
        "metadata": {"labels": {"app": name, **(labels or {})}, "annotations": annotations},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    return resource("apps/v1", "Deployment", name, {"selector": {"matchLabels": {"app": name}}, "template": template})
