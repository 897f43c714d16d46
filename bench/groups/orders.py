"""Orders without the mesh, through sidecars and through the gateway, on each database, beside bare commits."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import grpc.aio
import psutil

from bench.context import Bench
from bench.figures import Figure
from bench.rounds import Case, measure, show_progress
from bench.usage import CpuMeter
from bench.workloads import Workload, bare_commit, order, payment, receive_stock, repeat, reservation
from mesh.local.clients.kubectl import NAMESPACE
from mesh.local.matrix.callers import STRANGER
from mesh.local.matrix.probes import Manifest, probes
from tests.support.databases import Databases, SQLiteFiles
from tests.support.postgresql import MISSING, Server, programs
from tests.support.processes import Process, targets

CALLEES = ("catalog", "inventory", "payments", "shipping")
SERVICES = (*CALLEES, "orders")
CALLERS, FEW_CALLERS = (1, 8, 32), (1, 8)
COMMIT, PAYMENT, RESERVATION = "a bare commit", "a payment written", "a reservation held and released"
ORDER, ORDER_SIDECARS, ORDER_GATEWAY = "an order, no mesh", "an order through sidecars", "an order through the gateway"
OTHER = ", other checkout"
"""Added to the subjects of `--against`."""
OPERATOR = "operator"
ROLLOUT_TIMEOUT_SECONDS = 120


async def measure_orders(bench: Bench) -> list[Figure]:
    """Measure first on SQLite, then on PostgreSQL if it is installed: the mesh has one database at a time."""
    backends: list[Databases] = [SQLiteFiles()]
    if folder := programs():
        postgresql = Server(folder)
        bench.stack.callback(postgresql.close)
        backends.append(postgresql)
    else:
        show_progress(f"PostgreSQL is left out: {MISSING}")
    figures: list[Figure] = []
    for databases in backends:
        show_progress(f"orders on {databases.name}")
        async with AsyncExitStack() as stack:
            figures += await measure([case async for case in _cases(bench, stack, databases)], bench.settings)
    return figures


async def _cases(bench: Bench, stack: AsyncExitStack, databases: Databases) -> AsyncIterator[Case]:
    name = databases.name
    commit = bare_commit(stack, bench.folder / f"{name}-commits")
    pay = await payment(stack, databases.url(bench.folder / name / "alone", "payments"))
    yield next(_repeated(COMMIT, name, commit))
    for case in _repeated(PAYMENT, name, pay, callers=FEW_CALLERS):
        yield case
    if bench.against:
        async for case in _shop_cases(stack, partial(bench.start_other, databases=databases), databases, OTHER):
            yield case
    async for case in _shop_cases(stack, partial(bench.start, databases=databases), databases):
        yield case
    if bench.with_mesh:
        async for case in _mesh_cases(bench, stack, databases):
            yield case


async def _shop_cases(
    stack: AsyncExitStack, start: Callable[..., Process], databases: Databases, version: str = ""
) -> AsyncIterator[Case]:
    """Start five services without the mesh, and yield the cases that use them."""
    folder = f"{databases.name}{version}"
    services = {each: start(each, folder=f"{folder}/{each}") for each in CALLEES}
    services["orders"] = start("orders", targets(*services.values()), folder=f"{folder}/orders")
    apps = [psutil.Process(each.popen.pid) for each in services.values()]
    meter = CpuMeter({"services": apps}, _servers(databases))
    inventory = await stack.enter_async_context(services["inventory"].channel())
    orders = await stack.enter_async_context(services["orders"].channel())
    await receive_stock(inventory)
    for subject, run, callers in (
        (RESERVATION, reservation(inventory), FEW_CALLERS),
        (ORDER, order(orders), CALLERS),
    ):
        baseline = "" if version else f"{subject}{OTHER}"
        for case in _repeated(f"{subject}{version}", databases.name, run, baseline, callers=callers, meter=meter):
            yield case


async def _mesh_cases(bench: Bench, stack: AsyncExitStack, databases: Databases) -> AsyncIterator[Case]:
    mesh, name = bench.mesh, databases.name
    _configure(bench, databases)
    egress = stack.enter_context(probes(mesh.kubectl, (OPERATOR, STRANGER)))
    mesh.kubectl.run("apply", "-f", "-", stdin=_allow_stranger())
    async with dial(egress[OPERATOR], "inventory") as inventory:
        await receive_stock(inventory)
    inside = await stack.enter_async_context(dial(egress[STRANGER], "orders"))
    outside = await stack.enter_async_context(dial(mesh.instance.gateway))
    pods = [mesh.pod(each) for each in SERVICES]
    apps = {"services": [process for pod in pods for process in mesh.app_of(pod)]}
    proxies = [process for pod in pods for process in mesh.envoy_of(pod)]
    meter = CpuMeter({**apps, "sidecars": proxies}, _servers(databases))
    for case in _repeated(ORDER_SIDECARS, name, order(inside), ORDER, meter=meter):
        yield case
    gateway = mesh.envoy_of(mesh.pod("shop-gateway"))
    meter = CpuMeter({**apps, "sidecars": proxies, "gateway": gateway}, _servers(databases))
    for case in _repeated(ORDER_GATEWAY, name, order(outside, "customers/me", mesh.token()), ORDER, meter=meter):
        yield case


def _servers(databases: Databases) -> dict[str, psutil.Process]:
    """Return the database server. SQLite has none: its work is the services' own."""
    return {"database": psutil.Process(databases.popen.pid)} if isinstance(databases, Server) else {}


def _repeated(  # noqa: PLR0913  # a case, and how often it runs
    subject: str,
    database: str,
    run: Workload,
    baseline: str = "",
    *,
    callers: tuple[int, ...] = CALLERS,
    meter: CpuMeter | None = None,
) -> Iterator[Case]:
    for number in callers:
        condition = f"{database}, {number} caller{'s' if number > 1 else ''}"
        yield Case(subject, condition, partial(repeat, run, number, meter), baseline)


@asynccontextmanager
async def dial(target: str, service: str = "") -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel to the gateway, or through a sidecar to a service."""
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    options += [("grpc.default_authority", f"{service}.{NAMESPACE}.svc.cluster.local")] if service else []
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield channel


def _configure(bench: Bench, databases: Databases) -> None:
    """Set the databases of the services in the mesh, and remove Kafka, which those without the mesh lack, too."""
    kubectl = bench.mesh.kubectl
    for name in SERVICES:
        url = databases.url(bench.folder / "mesh" / databases.name / name, name)
        # SQLite stays where it is, in the state folder of the mesh.
        settings = [f"DATABASE_URL={url}"] if isinstance(databases, Server) else []
        kubectl.run("set", "env", "-n", NAMESPACE, f"deployment/{name}", "KAFKA_BOOTSTRAP_SERVERS-", *settings)
    for name in SERVICES:
        timeout = f"--timeout={ROLLOUT_TIMEOUT_SECONDS}s"
        kubectl.run("rollout", "status", "-n", NAMESPACE, f"deployment/{name}", timeout)


def _allow_stranger() -> str:
    """Return a policy that lets a workload place orders. Without it only the gateway may."""
    source = {"principals": [f"cluster.local/ns/{NAMESPACE}/sa/{STRANGER}"]}
    policy: Manifest = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "bench", "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": {"app": "orders"}}, "rules": [{"from": [{"source": source}]}]},
    }
    return json.dumps(policy)
