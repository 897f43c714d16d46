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
from bench.manifests import NAMESPACE, ROLLOUT_TIMEOUT, deployment, namespace, resource
from bench.mesh import BenchMesh
from bench.rounds import Case, Sample, measure
from bench.usage import CpuMeter
from mesh.local.clients.envoy import query_pod
from services.runtime.rpc.validation import compile_rules, validate
from shop.catalog.v1 import catalog_pb2
from tests.support.processes import free_port

IN_FLIGHT = 16
CONDITION = f"{IN_FLIGHT} in flight"
RUNTIME = "catalog, no mesh"
VALIDATION = "the validation of its request"
MESH = "a bare server through two sidecars"
WITHOUT_TLS, WITHOUT_LOG, WITH_POLICY = f"{MESH}, no mutual TLS", f"{MESH}, no access log", f"{MESH}, with a policy"
WORKLOADS = {MESH: "full", WITHOUT_TLS: "plaintext", WITHOUT_LOG: "silent", WITH_POLICY: "guarded"}
"""Subject → the name of its server."""
PATH = "/" + "/".join(METHOD.rsplit(".", 1))
ACCESS_LOG = "/dev/stdout"
CALLER, SILENT_CALLER = "caller", "silent-caller"
START_TIMEOUT_SECONDS = 60


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
    for subject in WORKLOADS:
        await _wait_for_features(mesh, subject)
    return cases


def _mesh_case(mesh: BenchMesh, load: GrpcLoad, subject: str) -> Case:
    server, client = _pods(mesh, subject)
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


async def _wait_for_features(mesh: BenchMesh, subject: str) -> None:
    """Wait until the proxies of a subject have its features and no others. Otherwise a ratio would mean nothing."""
    server, client = _pods(mesh, subject)
    inbound = f"{server['status']['podIP']}_50051"
    expected = {
        "the access log of the server": subject != WITHOUT_LOG,
        "the access log of the client": subject != WITHOUT_LOG,
        "mutual TLS": subject != WITHOUT_TLS,
        "a policy": subject == WITH_POLICY,
    }
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        listeners = await asyncio.to_thread(_listeners, mesh, server)
        of_client = await asyncio.to_thread(_listeners, mesh, client)
        found = {
            "the access log of the server": ACCESS_LOG in listeners[inbound],
            "the access log of the client": any(ACCESS_LOG in each for each in of_client.values()),
            "mutual TLS": "DownstreamTlsContext" in listeners[inbound],
            "a policy": PATH in listeners[inbound],
        }
        if found == expected:
            return
        if time.monotonic() > end:
            raise BenchError(f"{subject}: the proxies have {found} instead of {expected}")
        await asyncio.sleep(0.2)


def _listeners(mesh: BenchMesh, pod: Any) -> dict[str, str]:  # noqa: ANN401  # JSON
    """Return the JSON of each listener of a Pod's proxy, by name."""
    dump = json.loads(query_pod(mesh.instance, pod, "config_dump?resource=dynamic_listeners"))
    found = [each["active_state"]["listener"] for each in dump["configs"]]
    return {each["name"]: json.dumps(each) for each in found}


def _pods(mesh: BenchMesh, subject: str) -> tuple[Any, Any]:
    """Return the Pods of the server and of the client of a subject."""
    client = SILENT_CALLER if subject == WITHOUT_LOG else CALLER
    return mesh.pod(WORKLOADS[subject], NAMESPACE), mesh.pod(client, NAMESPACE)


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
    logging = {"providers": [{"name": "envoy"}], "disabled": True}
    for name in (WORKLOADS[WITHOUT_LOG], SILENT_CALLER):
        silent = {"selector": {"matchLabels": {"app": name}}, "accessLogging": [logging]}
        yield resource("telemetry.istio.io/v1", "Telemetry", name, silent)
    source = {"principals": [f"cluster.local/ns/{NAMESPACE}/sa/default"]}
    rules = [{"from": [{"source": source}], "to": [{"operation": {"paths": [PATH]}}]}]
    policy = {"selector": {"matchLabels": {"app": WORKLOADS[WITH_POLICY]}}, "rules": rules}
    yield resource("security.istio.io/v1", "AuthorizationPolicy", "guarded", policy)
