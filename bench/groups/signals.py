"""What traces, metrics, logs and alerts cost the shop: the same load on a mesh with and on a mesh without them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

from bench.context import Bench
from bench.errors import BenchError
from bench.figures import Figure
from bench.generators import GrpcLoad, write_protoset
from bench.groups.orders import OPERATOR, dial
from bench.groups.read import METHOD, NAMES, run_load
from bench.manifests import ROLLOUT_TIMEOUT
from bench.mesh import NAME_WITH_SIGNALS, BenchMesh, running_mesh
from bench.rounds import Case, Sample, measure, show_progress
from bench.usage import CpuMeter
from bench.workloads import order, receive_stock, repeat
from mesh.local.clients import demo_order
from mesh.local.clients.kubectl import NAMESPACE, namespace_of
from mesh.local.clients.signals import find_trace, traces_of_order
from mesh.local.lifecycle.parts import Part
from mesh.local.matrix.probes import probes
from shop.catalog.v1 import catalog_pb2
from tests.support.clock import eventually

CALLERS, IN_FLIGHT = 8, 16
ORDERS, READS = "orders", "reads"
WITH, WITHOUT = "with signals", "without signals"
OBSERVABILITY = "observability"
"""The namespace of what collects, stores and evaluates."""
START_TIMEOUT_SECONDS = 60
PROXY_PROGRAMS = ("envoy", "pilot-agent")
DELAY_SECONDS = 2.0
"""How long the signals of a call may wait in an app and in the Collector before they are stored."""


async def measure_signals(bench: Bench) -> list[Figure]:
    """Measure orders and reads through the gateways of two meshes that run at the same time."""
    load = GrpcLoad(write_protoset(catalog_pb2.DESCRIPTOR, bench.folder / "catalog.protoset"), METHOD, {"names": NAMES})
    without = bench.mesh
    async with AsyncExitStack() as stack:
        show_progress("starting a mesh with signals")
        # The prober is a customer. Its orders would be a load on one of the two meshes only.
        mesh = stack.enter_context(running_mesh(NAME_WITH_SIGNALS, Part.PROBER))
        await wait_for_signals(mesh)
        cases = [case async for case in _cases(stack, without, WITHOUT, load)]
        cases += [case async for case in _cases(stack, mesh, WITH, load)]
        # Cases that are compared run one after the other.
        return await measure(sorted(cases, key=lambda case: case.subject), bench.settings)


async def wait_for_signals(mesh: BenchMesh) -> None:
    """Wait until the log lines and the spans of an order are stored. Otherwise a ratio would mean nothing."""
    mesh.kubectl.run("rollout", "status", "-n", OBSERVABILITY, "deployment,daemonset", ROLLOUT_TIMEOUT)
    name = demo_order.place(mesh.instance)
    async for attempt in eventually(START_TIMEOUT_SECONDS, every=0.5, retry=BenchError):
        with attempt:
            traces = traces_of_order(mesh.instance, name)
            if not any(find_trace(mesh.instance, each) for each in traces):
                raise BenchError(f"the trace of {name} has not been stored")


async def _cases(stack: AsyncExitStack, mesh: BenchMesh, version: str, load: GrpcLoad) -> AsyncIterator[Case]:
    meter, address, token = _meter(mesh), mesh.instance.gateway, mesh.token()
    with probes(mesh.kubectl, (OPERATOR,)) as egress:
        async with dial(egress[OPERATOR], "inventory") as inventory:
            await receive_stock(inventory)
    place = order(await stack.enter_async_context(dial(address)), "customers/me", token)
    read = partial(load.run, address, token=token)
    for subject, condition, run in (
        (ORDERS, f"{CALLERS} callers", partial(repeat, place, CALLERS, meter)),
        (READS, f"{IN_FLIGHT} in flight", partial(run_load, read, IN_FLIGHT, meter)),
    ):
        baseline = f"{subject} {WITHOUT}" if version == WITH else ""
        yield Case(f"{subject} {version}", condition, partial(_run, run), baseline, warms_up=False)


async def _run(run: Callable[[float], Awaitable[Sample]], seconds: float) -> Sample:
    """Measure a load while the signals of its earlier calls are stored, and those of the other mesh no longer are."""
    await run(DELAY_SECONDS)
    return await run(seconds)


def _meter(mesh: BenchMesh) -> CpuMeter:
    """Return a meter of what runs now, which is the shop, its gateway and the parts of observability."""
    shop = mesh.processes(NAMESPACE, namespace_of("shop-gateway"))
    proxies = [each for each in shop if each.name() in PROXY_PROGRAMS]
    services = [each for each in shop if each not in proxies]
    processes = {"services": services, "proxies": proxies, "services and proxies": shop}
    if observability := mesh.processes(OBSERVABILITY):
        processes[OBSERVABILITY] = observability
    return CpuMeter(processes)
