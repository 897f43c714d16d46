"""The cases in which the rules of both profiles are tested. A fault has to fire its own alert and no other."""

from collections.abc import Iterable, Iterator

from tests.contracts.alert_world import FAULT, HEALTHY, RATE, STEPS, Case, Expected, World, methods_of
from tests.support.contracts import methods, service_of

BEFORE, DURING, AFTER = HEALTHY - 1, HEALTHY + FAULT - 1, STEPS - 1
"""Steps: before the fault, at its end, and when all windows are clean again."""
ORDERS, LEAVES = "orders", ("analytics", "catalog", "identity", "inventory", "notifications", "payments", "shipping")
SERVICES = (*LEAVES, ORDERS)
"""The services. Orders calls others, and the leaves call none."""
BACKGROUND = ("analytics", "notifications")
"""The services with larger budgets."""
STREAMS = {path[1:] for path, method in methods().items() if method.server_streaming}
VALID = {"3": 4, "5": 4, "7": 4, "8": 4, "9": 4}
"""Statuses that are valid responses: invalid argument, not found, denied, too many, failed precondition."""
CAUSED = {
    "InstanceDown": "inventory",
    "ProcessRestarted": "identity",
    "DatabaseUnavailable": "analytics",
    "InstanceEjected": "notifications",
    "CallsRejected": "shipping",
}
"""The causes, the one that explains all others first, each with a service that has it."""


def local(world: World) -> Iterator[Case]:
    """Yield the cases of the local profile. Each copies the world."""
    for build in (quiet, errors, slow, orders_fail, orders_slow, causes, first_causes, few):
        yield build(World([*world.series]))


def cluster(world: World) -> Iterator[Case]:
    """Yield the cases of the profile for clusters: the same rules with other windows, and tickets."""
    for build in (quiet, errors, slow, causes):
        yield build(World([*world.series]))
    for signal in ("failed", "slow"):
        yield leak(World([*world.series]), signal)


def ledger(world: World) -> Case:
    """Return a case in which more was paid than ordered."""
    world.gauge("shop_orders_value_cents", 5000, 5000, 5000, app=ORDERS, state="CONFIRMED", currency="EUR")
    world.gauge("shop_payments_cents", 5000, 5001, 5000, app="payments", state="CAPTURED", currency="EUR")
    world.gauge("shop_payments_cents", 0, 100, 0, app="payments", state="CAPTURED", currency="USD")
    return Case("ledger", world, timeline([MISMATCH]))


def quiet(world: World) -> Case:
    """Return a case in which no call fails. Valid responses fire nothing, and causes that harm no call are tickets."""
    for service in SERVICES:
        world.calls(first_method(service), failed=VALID)
        world.gauge("event_outbox_oldest_age_seconds", 0, 5, 0, app=service)
        world.gauge("event_consumer_lag_records", 0, 50, 0, app=service, topic="t")
        world.counter("event_processed_total", 10, 10, 10, app=service, topic="t")
    world.gauge(
        "process_start_time_seconds", 1795867381.3500001, 1795867381.35, 1795867381.35, namespace="shop", app=ORDERS
    )
    world.gauge("up", 0, 0, 1, namespace="shop", app=ORDERS, pod="orders-2", job="apps")  # it starts
    world.gauge("up", 1, 0, 0, namespace="shop", app="operator", pod="operator-1", job="apps")  # a Job that has ended
    for name, service in CAUSED.items():
        cause(world, name, service)
    return Case("quiet", world, timeline([(name, service, "ticket") for name, service in CAUSED.items()]))


def errors(world: World) -> Case:
    """Return a case in which all calls fail. Orders calls services that fail, so its own alert is inhibited."""
    for method in methods_of():
        world.calls(method, failed={"14": RATE})
    what_no_method_shows(world)
    world.gauge("up", 1, 1, 1, namespace="shop", app=ORDERS, pod="orders-1", job="apps")
    unexplained(world)  # the calls that fail explain it
    return Case("errors", world, timeline([*each("ServiceErrors", LEAVES), *EVENTS]), [_all_burn("errors")])


def slow(world: World) -> Case:
    """Return a case in which all calls are slow. Orders calls slow services, so its own alert is inhibited."""
    for method in methods_of():
        world.calls(method, slow=RATE)
    # A consumer that processes nothing, although events are published.
    world.gauge("event_outbox_oldest_age_seconds", 0, 0, 0, app=ORDERS)
    lagging(world)
    expected = [*each("ServiceSlow", LEAVES), ("ConsumerLagging", "analytics", "ticket")]
    return Case("slow", world, timeline(expected), [_all_burn("slow", STREAMS)])


def orders_fail(world: World) -> Case:
    """Return a case in which orders fails, by timeouts, and nothing that it calls does."""
    one_method_each(world, {ORDERS}, failed={"4": RATE}, slow=RATE)
    return Case("orders fail", world, timeline(each("ServiceErrors", [ORDERS])))


def orders_slow(world: World) -> Case:
    """Return a case in which orders is slow, and nothing that it calls is. A proxy of another service restarts."""
    one_method_each(world, {ORDERS}, slow=RATE)
    world.gauge("envoy_server_uptime", 1000, 3, 3, namespace="shop", app="notifications", pod="notifications-1")
    expected = [*each("ServiceSlow", [ORDERS]), ("ProcessRestarted", "notifications", "ticket")]
    return Case("orders slow", world, timeline(expected))


def causes(world: World) -> Case:
    """Return a case in which causes page instead of the alerts about the calls that fail because of them."""
    one_method_each(world, {*CAUSED.values(), ORDERS}, failed={"14": RATE})
    for name, service in CAUSED.items():
        cause(world, name, service)
    return Case("causes", world, timeline([(name, service, "page") for name, service in CAUSED.items()]))


def first_causes(world: World) -> Case:
    """Return a case with several causes in one service: the first one explains the others."""
    names, services = [*CAUSED], ("inventory", "identity", "analytics", "notifications")
    one_method_each(world, {*services, ORDERS}, failed={"14": RATE})
    for number, service in enumerate(services):
        for name in names[number:]:
            cause(world, name, service)
    expected = [(names[number], service, "page") for number, service in enumerate(services)]
    return Case("several causes at once", world, timeline(expected))


def leak(world: World, signal: str) -> Case:
    """Return a case in which a few of many calls fail or are slow: tickets, and no page."""
    for service in SERVICES:
        bad = {"failed": 20, "slow": 100} if service in BACKGROUND else {"failed": 2, "slow": 20}
        if signal == "failed":
            world.calls(first_method(service), failed={"13": bad["failed"]}, rate=1000)
        else:
            world.calls(first_method(service), slow=bad["slow"], rate=1000)
    name = "ServiceErrors" if signal == "failed" else "ServiceSlow"
    unexplained(world)
    return Case(
        f"a few {signal} calls", world, timeline([*UNEXPLAINED, *((name, service, "ticket") for service in LEAVES)])
    )


def few(world: World) -> Case:
    """Return a case in which nothing fires: two failed calls of two, and fewer slow calls than an alert needs."""
    for number, service in enumerate(SERVICES):
        if number % 2:
            world.calls(first_method(service), slow=1)  # 5 %, and the page needs 6 %
        else:
            world.counter("mesh_rpc_requests_total", 0, 0, 0, **_labels(service), grpc_status="0")
            world.gauge("mesh_rpc_requests_total", 0, 2, 2, **_labels(service), grpc_status="14")
    unexplained(world)
    return Case("few calls", world, timeline(UNEXPLAINED))


def one_method_each(world: World, services: set[str], *, failed: dict[str, int] | None = None, slow: int = 0) -> None:
    """Add calls of one method of each service. Those of some services fail or are slow during the fault."""
    for service in SERVICES:
        if service in services:
            world.calls(first_method(service), failed=failed, slow=slow)
        else:
            world.calls(first_method(service))


def first_method(service: str) -> str:
    """Return the first method of a service."""
    return methods_of(service)[0]


def _labels(service: str) -> dict[str, str]:
    return {"pod": "a", "caller": "caller", "service": service, "method": first_method(service)}


def cause(world: World, name: str, service: str) -> None:
    """Add a cause that lasts as long as the fault."""
    pod = {"namespace": "shop", "app": service, "pod": f"{service}-1"}
    cluster = {**pod, "app": "caller", "cluster_name": f"outbound|50051||{service}.shop.svc.cluster.local"}
    match name:
        case "InstanceDown":
            world.gauge("up", 1, 0, 1, **pod, job="apps")
        case "ProcessRestarted":
            world.counter("process_start_time_seconds", 0, 30, 0, **pod)  # it starts again and again
        case "DatabaseUnavailable":
            world.counter("storage_failures_total", 0, 5, 0, **pod, reason="unavailable")
        case "InstanceEjected":
            world.gauge("envoy_cluster_outlier_detection_ejections_active", 0, 1, 0, **cluster)
        case "CallsRejected":
            world.counter("envoy_cluster_upstream_rq_pending_overflow", 0, 5, 0, **cluster)


def what_no_method_shows(world: World) -> None:
    """Add a fault for each alert that is about no call."""
    world.gauge("event_outbox_oldest_age_seconds", 0, 1000, 0, app=ORDERS)
    lagging(world)  # it gets nothing while nothing is published, so it is not lagging
    world.gauge("event_dead_letters_waiting", 0, 2, 0, app="notifications")
    world.gauge("shop_orders_parked", 0, 1, 0, app=ORDERS, pod="orders-1", reason="REFUSED")
    world.gauge("storage_waiting_transactions", 0, 4, 0, app="catalog", pod="catalog-1", resource="connection")
    world.gauge("up", 1, 0, 1, job="control-plane", app="istiod")
    world.gauge("mesh_certificate_expiry_seconds", 40000, 600, 40000, app="identity")


def unexplained(world: World) -> None:
    """Add what fires only if no service has a fault: probes that fail, orders without stock, spans that are lost."""
    world.counter("otelcol_exporter_send_failed_spans", 0, 7, 0, exporter="zipkin")
    world.counter("shop_reservations_rejected_total", 0, 2, 0, app="inventory")
    world.counter("probe_runs_total", 1, 0, 1, outcome="success")
    world.counter("probe_runs_total", 0, 1, 0, outcome="failure")


def lagging(world: World) -> None:
    """Add a consumer that processes nothing."""
    world.gauge("event_consumer_lag_records", 0, 5, 0, app="analytics", topic="t")
    world.counter("event_processed_total", 10, 0, 10, app="analytics", topic="t")


MISMATCH = ("LedgerMismatch", "", "page")
UNEXPLAINED = [("ProbeFailing", "", "page"), ("StockOut", "inventory", "info"), ("SpansLost", "", "info")]
EVENTS: list[Expected] = [
    ("EventsDelayed", ORDERS, "ticket"),
    ("DeadLetters", "notifications", "ticket"),
    ("OrdersParked", ORDERS, "ticket"),
    ("DatabaseSaturated", "catalog", "ticket"),
    ("ControlPlaneDown", "", "ticket"),
    ("CertificateExpiring", "identity", "ticket"),
]


def timeline(expected: Iterable[Expected]) -> dict[int, list[Expected]]:
    """Return what fires at each step: nothing before and after a fault."""
    return {BEFORE: [], DURING: [*expected], AFTER: []}


def each(name: str, services: Iterable[str]) -> list[Expected]:
    """Return the same alert of several services."""
    return [(name, service, "page") for service in services]


def _all_burn(signal: str, without: Iterable[str] = ()) -> tuple[int, str, dict[str, float]]:
    """Return that every method misses its objective during the fault."""
    expr = f'max by (service, method) (method:mesh_burning:bool{{signal="{signal}", severity="page"}})'
    names = [method for method in methods_of() if method not in {*without}]
    return DURING, expr, {f'{{service="{service_of("/" + name)}", method="{name}"}}': 1.0 for name in names}
