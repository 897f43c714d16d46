"""The topology: what it makes of declarations, metrics, objects of Kubernetes and configurations of Envoy."""

from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from mesh.local.clients.metrics import Sample
from mesh.local.console.topology import figures, graph, handlers, stream, workloads
from mesh.local.console.topology.figures import Alert, Calls, Database, Events, Figures
from mesh.local.console.topology.stream import EventType, Stream
from mesh.local.console.topology.structure import EdgeKind, NodeKind, Structure, build
from mesh.local.console.topology.tls import Transport
from mesh.local.console.topology.workloads import Pod, Workload
from mesh.local.matrix.declared import Call, Method, Service

CAPTURE, WATCH = "shop.payments.v1.PaymentsService/CapturePayment", "shop.orders.v1.OrdersService/WatchOrder"
EVENT, TOPIC = "shop.orders.v1.OrderPlaced", "shop.orders.v1.events"


def declared() -> Structure:
    """Return orders, which users watch, and which calls payments and publishes; a job consumes, and calls payments."""
    services = [
        Service("operator", frozenset(), (Call(CAPTURE, on_demand=True),), (), (), (EVENT,)),
        Service(
            "orders",
            frozenset({"shop.orders.v1.OrdersService"}),
            (Call(CAPTURE, on_demand=False),),
            ("o/Order",),
            (EVENT,),
            (),
        ),
        Service("payments", frozenset({"shop.payments.v1.PaymentsService"}), (), ("p/Payment",), (), ()),
    ]
    methods = [
        Method(WATCH, "orders", 2, frozenset(), is_stream=True, callers=frozenset()),
        Method(CAPTURE, "payments", 0, frozenset(), is_stream=False, callers=frozenset({"orders", "operator"})),
    ]
    return build(services, methods, ["storefront", "orders"])


def sample(figure: str, value: float, **labels: str) -> Sample:
    return Sample({"figure": figure, **labels}, value)


def empty(**given: Any) -> Figures:  # noqa: ANN401  # any field
    fields: dict[str, Any] = {"calls": {}, "published": {}, "consumed": {}, "databases": {}, "pods": {}, "alerts": ()}
    return Figures(**(fields | given))


def assemble(found: Figures, **given: Any) -> graph.Graph:  # noqa: ANN401  # any argument
    arguments: dict[str, Any] = {"workloads": {}, "transports": {}, "live": True}
    return graph.assemble(1000.0, declared(), found, **(arguments | given))


def test_structure_has_what_is_declared_and_nothing_else() -> None:
    structure = declared()
    assert {node.name: node.kind for node in structure.nodes} == {
        "shop-gateway": NodeKind.GATEWAY,
        "operator": NodeKind.JOB,
        "orders": NodeKind.SERVICE,
        "payments": NodeKind.SERVICE,
        "storefront": NodeKind.SERVICE,
        TOPIC: NodeKind.TOPIC,
    }
    assert {edge.id: (edge.kind, edge.names) for edge in structure.edges} == {
        "shop-gateway~orders": (EdgeKind.CALLS, (WATCH,)),
        "orders~payments": (EdgeKind.CALLS, (CAPTURE,)),
        "operator~payments": (EdgeKind.CALLS, (CAPTURE,)),
        "shop-gateway~storefront": (EdgeKind.PAGES, ()),
        f"orders~{TOPIC}": (EdgeKind.PUBLISHES, (EVENT,)),
        f"{TOPIC}~operator": (EdgeKind.CONSUMES, (EVENT,)),
    }
    assert structure.streams == {WATCH}
    assert structure.callers == ["shop-gateway", "operator", "orders"]


def test_durations_leave_streams_out() -> None:
    assert f'mesh_rpc_duration_milliseconds_bucket{{method!~"{WATCH}"}}' in figures.expression([WATCH])


def test_figures_of_the_query() -> None:
    found = figures.read(
        [
            sample("calls", 8, caller="orders", service="payments", grpc_status="0"),
            sample("calls", 3, caller="orders", service="payments", grpc_status="14"),
            sample("calls", 1, caller="orders", service="payments", grpc_status="7"),
            sample("p99", 4.5, caller="orders", service="payments"),
            sample("published", 2, app="orders", topic=TOPIC),
            sample("processed", 1, app="operator", topic=TOPIC),
            sample("lag", 6, app="operator", topic=TOPIC),
            sample("waiting", 1, app="orders", resource="connection"),
            sample("waiting", 2, app="orders", resource="write"),
            sample("transactions", 30, app="orders"),
            sample("wait", 0.002, app="orders"),
            sample("up", 1, app="orders", pod="orders-1", job="apps"),
            sample("up", 0, app="orders", pod="orders-1", job="proxies"),
            sample("up", 1, app="orders", pod="orders-2", job="apps"),
            sample("alert", 1, alertname="ServiceErrors", service="payments", severity="page"),
            sample("alert", 1, alertname="SpansLost", severity="ticket"),
        ]
    )
    calls = found.calls["orders", "payments"]
    assert (calls.total, calls.failed, calls.refused, calls.p99_milliseconds) == (12, 3, 1, 4.5)
    assert found.published == {("orders", TOPIC): Events(2, None)}
    assert found.consumed == {("operator", TOPIC): Events(1, 6)}
    assert found.databases == {"orders": Database("PostgreSQL", 30, 3, 0, 2.0)}
    assert found.pods == {"orders": {"orders-1": False, "orders-2": True}}
    assert found.alerts == (Alert("ServiceErrors", "payments", "page"), Alert("SpansLost", "", "ticket"))


def test_graph_shows_the_figures_of_each_edge() -> None:
    found = empty(
        calls={("orders", "payments"): Calls(Counter({0: 57, 14: 3, 16: 0}), 9.7)},
        published={("orders", TOPIC): Events(30, None)},
        consumed={("operator", TOPIC): Events(20, 7)},
    )
    whole = assemble(found, transports={("orders", "payments"): Transport.MUTUAL})
    edges = {edge.id: edge for edge in whole.edges}
    payments = edges["orders~payments"]
    assert (payments.count, payments.per_second, payments.failed, payments.by_status) == (60, 1.0, 3, {0: 57, 14: 3})
    assert payments.transport is Transport.MUTUAL
    assert edges["operator~payments"].count == 0, "a caller without a call has none"
    assert edges["shop-gateway~storefront"].count is None, "pages are not measured"
    assert (edges[f"orders~{TOPIC}"].per_second, edges[f"orders~{TOPIC}"].lag) == (0.5, None)
    assert (edges[f"{TOPIC}~operator"].count, edges[f"{TOPIC}~operator"].lag) == (20, 7)


def test_undeclared_calls_are_no_edge() -> None:
    found = empty(
        calls={
            ("payments", "orders"): Calls(Counter({7: 4})),
            ("stranger", "payments"): Calls(Counter({0: 1, 7: 1})),
            ("orders", "orders"): Calls(Counter({0: 0})),
        }
    )
    whole = assemble(found)
    assert {edge.id for edge in whole.edges} == {edge.id for edge in declared().edges}
    assert [(each.caller, each.count, each.refused) for each in whole.undeclared] == [
        ("payments", 4, 4),
        ("stranger", 2, 1),
    ]


def test_alerts_stand_at_their_service_or_above_the_graph() -> None:
    ours, other = Alert("ServiceErrors", "payments", "page"), Alert("SpansLost", "", "ticket")
    whole = assemble(empty(alerts=(ours, other)))
    assert {node.name: node.alerts for node in whole.nodes if node.alerts} == {"payments": (ours,)}
    assert whole.alerts == (other,)


def test_workloads_of_now() -> None:
    pods = [pod("orders-b-2", "v2", ready=False, waiting="CrashLoopBackOff", restarts=3), pod("orders-a-1", "v1")]
    pods += [pod("orders-a-3", "v1", deleted=True), pod("operator-x", "", phase="Succeeded", app="operator")]
    deployments = [{"metadata": {"labels": {"app": "orders"}}, "spec": {"replicas": each}} for each in (2, 1)]
    found = workloads.now(pods, deployments)
    assert found.keys() == {"orders"}
    orders = found["orders"]
    assert (orders.ready, orders.desired, orders.versions) == (1, 3, {"v1": 2, "v2": 1})
    assert [(each.name, each.state, each.restarts) for each in orders.pods] == [
        ("orders-a-1", "Running", 0),
        ("orders-a-3", "Terminating", 0),
        ("orders-b-2", "CrashLoopBackOff", 3),
    ]


def test_a_workload_without_pods_shows_how_many_there_should_be() -> None:
    found = workloads.now([], [{"metadata": {"labels": {"app": "payments"}}, "spec": {"replicas": 2}}])
    assert found == {"payments": Workload((), 2)}


def test_workloads_of_an_earlier_time_have_the_versions_of_their_replica_sets() -> None:
    template = {"metadata": {"labels": {"app": "orders", "version": "v2"}}}
    versions = workloads.versions([{"metadata": {"name": "orders-58bc48754f"}, "spec": {"template": template}}])
    found = workloads.earlier({"orders": {"orders-58bc48754f-5lxnx": True, "orders-6d-gone1": False}}, versions)
    assert found["orders"].pods == (
        Pod("orders-58bc48754f-5lxnx", "v2", ready=True, state="Up", restarts=None),
        Pod("orders-6d-gone1", "", ready=False, state="Down", restarts=None),
    )
    assert found["orders"].desired is None


def test_events_of_a_consumer_and_of_a_publisher() -> None:
    samples = [
        sample("published", 9, type=EVENT),
        sample("processed", 5, type=EVENT, outcome="applied"),
        sample("processed", 1, type=EVENT, outcome="duplicate"),
        sample("processed", 0, type=EVENT, outcome="ignored"),
        sample("outbox", 2),
        sample("delay", 0.25),
        sample("dead", 1),
    ]
    consumed = (EventType(EVENT, {"applied": 5, "duplicate": 1}),)
    assert stream.read([EVENT], samples, publishes=False) == Stream(consumed, None, 250.0, 1)
    assert stream.read([EVENT], samples, publishes=True) == Stream((EventType(EVENT, {"published": 9}),), 2, None, None)
    assert stream.read([EVENT], [], publishes=False) == Stream((EventType(EVENT, {}),), None, None, None)


def test_a_time_is_within_the_last_hour() -> None:
    assert handlers.read_time({}) is None
    for wrong in ("yesterday", "0", "99999999999", "nan", "-5"):
        with pytest.raises(web.HTTPBadRequest):
            handlers.read_time({"at": wrong})


def pod(  # noqa: PLR0913  # what differs between Pods
    name: str,
    version: str,
    *,
    ready: bool = True,
    waiting: str = "",
    restarts: int = 0,
    deleted: bool = False,
    phase: str = "Running",
    app: str = "orders",
) -> dict[str, Any]:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {
        "metadata": {"name": name, "uid": name, "labels": {"app": app, "version": version}}
        | ({"deletionTimestamp": "2026-11-28T20:00:00Z"} if deleted else {}),
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"state": state, "restartCount": restarts}],
        },
    }
