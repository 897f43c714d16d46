"""A unary read, BatchGetProducts of three products: bare gRPC, the service, and each way through the mesh to it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from urllib.parse import urlencode

import grpc
import psutil

from bench.context import Bench
from bench.figures import Figure
from bench.generators import GrpcLoad, http_load, write_protoset
from bench.mesh import BenchMesh
from bench.rounds import Case, Sample, measure
from bench.usage import CpuMeter
from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.support.processes import free_port

METHOD = "shop.catalog.v1.CatalogService.BatchGetProducts"
NAMES = ["products/p-0001", "products/p-0002", "products/p-0003"]
PATH = f"/v1/products:batchGet?{urlencode({'names': NAMES}, doseq=True)}"
CATALOG = "catalog.shop.svc.cluster.local"
IN_FLIGHT = (1, 16, 64)
BARE, SERVICE, OTHER = "bare grpc.aio server", "catalog, no mesh", "catalog, no mesh, other checkout"
SIDECARS, GATEWAY, JSON = "catalog through two sidecars", "catalog through the gateway", "catalog as JSON"
START_TIMEOUT_SECONDS = 20

Load = Callable[[int, float], tuple[Sample, int]]
"""Takes the calls in flight and the seconds. Returns figures and the number of calls."""


async def measure_reads(bench: Bench) -> list[Figure]:
    """Measure each way to the same reply, with each number of calls in flight."""
    load = GrpcLoad(write_protoset(catalog_pb2.DESCRIPTOR, bench.folder / "catalog.protoset"), METHOD, {"names": NAMES})
    address = f"127.0.0.1:{free_port()}"
    catalog = psutil.Process(bench.start("catalog", {"GRPC_LISTEN": address}).popen.pid)
    bare_address, bare = start_bare_server(bench, address)
    cases = [*_cases(BARE, "", partial(load.run, bare_address), CpuMeter({"app": [bare]}))]
    if bench.against:
        other_address = f"127.0.0.1:{free_port()}"
        other = bench.start_other("catalog", {"GRPC_LISTEN": other_address}, folder="catalog-other")
        meter = CpuMeter({"app": [psutil.Process(other.popen.pid)]})
        cases += _cases(OTHER, BARE, partial(load.run, other_address), meter)
    cases += [
        *_cases(SERVICE, BARE, partial(load.run, address), CpuMeter({"app": [catalog]})),
    ]
    if bench.with_mesh:
        cases += _mesh_cases(bench.mesh, load)
    return await measure(cases, bench.settings)


def start_bare_server(bench: Bench, catalog: str) -> tuple[str, psutil.Process]:
    """Start the bare server with the reply of catalog. Return its address and its process."""
    reply = bench.folder / "reply"
    with closing(grpc.insecure_channel(catalog)) as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        request = catalog_pb2.BatchGetProductsRequest(names=NAMES)
        reply.write_bytes(stub.BatchGetProducts(request).SerializeToString())
    address, process = bench.start_module("bench.bare_server", lambda address: [address, str(reply)])
    with closing(grpc.insecure_channel(address)) as channel:
        grpc.channel_ready_future(channel).result(START_TIMEOUT_SECONDS)
    return address, process


def _mesh_cases(mesh: BenchMesh, load: GrpcLoad) -> Iterator[Case]:
    # orders may call the method. The calls leave through the sidecar of its Pod, as its own would.
    caller, callee = mesh.pod("orders"), mesh.pod("catalog")
    gateway, token = mesh.pod("shop-gateway"), mesh.token()
    server = {"app": mesh.app_of(callee), "server sidecar": mesh.envoy_of(callee)}
    inside = CpuMeter({**server, "client sidecar": mesh.envoy_of(caller)})
    outside = CpuMeter({**server, "gateway": mesh.envoy_of(gateway)})
    address = mesh.instance.gateway
    yield from _cases(SIDECARS, SERVICE, partial(load.run, mesh.egress(caller), authority=CATALOG), inside)
    yield from _cases(GATEWAY, SERVICE, partial(load.run, address, token=token), outside)
    yield from _cases(JSON, GATEWAY, partial(http_load, f"http://{address}{PATH}", token=token), outside)


def _cases(subject: str, baseline: str, load: Load, meter: CpuMeter) -> Iterator[Case]:
    for in_flight in IN_FLIGHT:
        yield Case(subject, f"{in_flight} in flight", partial(run_load, load, in_flight, meter), baseline)


async def run_load(load: Load, in_flight: int, meter: CpuMeter, seconds: float) -> Sample:
    """Run a load and return its figures, with the processor time per call."""
    meter.start()
    sample, calls = await asyncio.to_thread(load, in_flight, seconds)
    return {**sample, **meter.per_call(calls)}
