"""The timeline of an order: what spans, log lines and the books contribute, merged by time."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesh.local.clients.signals import Line, Span
from mesh.local.console.orders import waterfalls
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.story.observed import observe
from mesh.local.story.recent import summarize
from mesh.local.story.timeline import PREPARATIONS, STEPS, UNDO, Entry, Kind, from_books, from_signals, merge

ORDER, OTHER = "a19935c1", "7cc385a5"
TRACE, RECOVERY_TRACE = "23aacec5", "99aacec5"
EVENT = "882ccf17"


def call(start: float, method: str, code: str = "OK", span_id: str = "", parent: str = "") -> Span:
    """Return the span of a call that orders sends."""
    failed = {} if code == "OK" else {"error": "true", "error.type": code}
    tags = {"rpc.method": f"shop.{method}", "rpc.response.status_code": code, **failed}
    return Span(span_id or f"call-{start}", parent, "CLIENT", f"shop.{method}".lower(), "orders", start, 0.004, tags)


def proxy(parent: str, kind: str, span_id: str, flags: str = "-") -> Span:
    tags = {"component": "proxy", "response_flags": flags}
    return Span(span_id, parent, kind, "call", "payments" if kind == "SERVER" else "orders", 3, 0.001, tags)


def event(start: float, kind: str = "PRODUCER", order: str = ORDER, group: str = "") -> Span:
    tags = {
        "cloudevents.event_subject": f"orders/{order}",
        "cloudevents.event_type": "shop.orders.v1.OrderPlaced",
        "messaging.destination.name": "shop.orders.v1.events",
        "messaging.destination.partition.id": "2",
        "messaging.kafka.offset": "7",
        "messaging.message.id": EVENT,
    }
    tags |= {"messaging.consumer.group.name": group} if group else {}
    return Span(f"{kind}-{start}", "", kind, "send shop.orders.v1.events", group or "orders", start, 0.001, tags)


def line(message: str, time: str = "1970-01-01T00:00:09.5Z", level: str = "INFO", **fields: str) -> Line:
    return Line(time, "orders-58bc48754f-j9lrj", "app", level, message, {"order": ORDER, **fields})


def words(entries: list[Entry]) -> list[tuple[str, str, str]]:
    return [(entry.kind.value, entry.service, entry.title) for entry in entries]


DECLINED = [
    call(1, "catalog.v1.CatalogService/BatchGetProducts"),
    call(2, "inventory.v1.InventoryService/ReserveStock"),
    event(2.5),
    call(3, "payments.v1.PaymentsService/AuthorizePayment", "FAILED_PRECONDITION", "authorize"),
    proxy("authorize", "CLIENT", "outbound"),
    proxy("outbound", "SERVER", "inbound"),
    call(4, "inventory.v1.InventoryService/ReleaseReservation"),
    event(4.5, "CONSUMER", group="analytics"),
    event(4.6, "CONSUMER", order=OTHER, group="analytics"),
]
REJECTED = line("order REJECTED", reason="PAYMENT_DECLINED", trace_id=TRACE)
BOOKS: Mapping[str, Any] = {
    "order": {
        "state": "STATE_REJECTED",
        "create_time": "1970-01-01T00:00:01.500Z",
        "update_time": "1970-01-01T00:00:05Z",
    },
    "events": [
        {
            "id": EVENT,
            "type": "OrderPlaced",
            "topic": "shop.orders.v1.events",
            "partition": 2,
            "offset": 7,
            "publish_time": "1970-01-01T00:00:02.500Z",
        }
    ],
    "records": {
        "reservations": [
            {
                "name": "reservations/1",
                "state": "STATE_RELEASED",
                "create_time": "1970-01-01T00:00:02Z",
                "update_time": "1970-01-01T00:00:04Z",
            }
        ],
        "payments": [],
        "shipments": [],
        "notifications": [
            {"name": f"notifications/{EVENT}", "kind": "KIND_ORDER_PLACED", "create_time": "1970-01-01T00:00:06Z"}
        ],
    },
}


def test_steps_events_and_states_are_one_timeline() -> None:
    entries = merge(from_signals(ORDER, {TRACE: DECLINED}, [REJECTED]), from_books(BOOKS))
    assert words(entries) == [
        ("preparation", "catalog", "BatchGetProducts"),
        ("state", "orders", "PENDING"),
        ("step", "inventory", "ReserveStock"),
        ("published", "orders", "OrderPlaced"),
        ("step", "payments", "AuthorizePayment"),
        ("undo", "inventory", "ReleaseReservation"),
        ("processed", "analytics", "OrderPlaced"),
        ("processed", "notifications", "OrderPlaced"),
        ("state", "orders", "REJECTED"),
    ]
    authorize, rejected = entries[4], entries[-1]
    assert (authorize.result, authorize.failed, authorize.attempts) == ("FAILED_PRECONDITION", True, 1)
    assert rejected.note == "reason PAYMENT_DECLINED"
    assert entries[3].note == "shop.orders.v1.events/2, offset 7"


def test_without_traces_the_books_have_the_times() -> None:
    assert words(merge([], from_books(BOOKS))) == [
        ("state", "orders", "PENDING"),
        ("record", "inventory", "reservation created"),
        ("published", "orders", "OrderPlaced"),
        ("record", "inventory", "reservation RELEASED"),
        ("state", "orders", "REJECTED"),
        ("processed", "notifications", "OrderPlaced"),
    ]


def test_without_kafka_the_books_have_no_events() -> None:
    records = {kind: BOOKS["records"][kind] for kind in ("reservations", "payments", "shipments")}
    entries = from_books({**BOOKS, "events": None, "records": records})
    assert not {entry.kind for entry in entries} & {Kind.PUBLISHED, Kind.PROCESSED}


def test_a_call_that_proxies_send_again_has_several_attempts() -> None:
    spans = [
        call(3, "payments.v1.PaymentsService/CapturePayment", "UNAVAILABLE", "capture"),
        proxy("capture", "CLIENT", "outbound", "URX,UF"),
        proxy("outbound", "SERVER", "first"),
        proxy("outbound", "SERVER", "second"),
    ]
    [entry] = from_signals(ORDER, {TRACE: spans}, [])
    assert (entry.attempts, entry.flags, entry.failed) == (2, ["UF", "URX"], True)


def test_what_recovery_sends_again_is_no_step() -> None:
    recovery = Span("recovery", "", "", "recover order", "orders", 20, 1, {})
    spans = [
        recovery,
        call(21, "inventory.v1.InventoryService/ReserveStock"),
        call(22, "inventory.v1.InventoryService/ReleaseReservation"),
    ]
    failed = line("undoing the order failed; recovery will retry", level="WARNING", call="VOID", trace_id=TRACE)
    entries = from_signals(ORDER, {TRACE: DECLINED[:2], RECOVERY_TRACE: spans}, [failed])
    assert words(entries)[2:] == [
        ("note", "orders", "undoing the order failed; recovery will retry"),
        ("recovery", "orders", "recover order"),
        ("repeated", "inventory", "ReserveStock"),
        ("undo", "inventory", "ReleaseReservation"),
    ]
    assert (entries[2].failed, entries[2].note) == (True, "call VOID")


def test_lines_and_events_of_other_orders_do_not_appear() -> None:
    other = Line("1970-01-01T00:00:09Z", "orders-1-1", "app", "INFO", "order CONFIRMED", {"order": OTHER})
    assert from_signals(ORDER, {TRACE: [event(1, order=OTHER)]}, [other]) == []


class LogsAlone:
    """Stores of which the one of traces does not respond."""

    def traces_with_events_of(self, *_: object) -> list[str]:
        """Raise MeshError."""
        raise MeshError("the store of traces does not respond")

    def traces_with_lines_of(self, *_: object) -> list[str]:
        """Return the trace of the order."""
        return [TRACE]

    def find_trace(self, *_: object) -> list[Span]:
        """Raise AssertionError: it must not be called."""
        raise AssertionError("the store of traces does not respond")

    def find_lines(self, *_: object) -> list[Line]:
        """Return the only line."""
        return [REJECTED]


def test_without_a_store_the_other_one_still_has_its_part(tmp_path: Path) -> None:
    observed = observe(Instance("test", tmp_path, 0, "127.0.0.1:8080"), ORDER, LogsAlone())
    assert words(list(observed.entries)) == [("state", "orders", "REJECTED")]
    assert observed.problems.keys() == {"traces"}
    assert (observed.traces, observed.lines) == ({}, [REJECTED])


def test_the_bars_of_a_trace_have_depths_and_times_from_its_start() -> None:
    [waterfall] = waterfalls({TRACE: [DECLINED[3], DECLINED[5], DECLINED[4], DECLINED[6]]})
    assert (waterfall.id, waterfall.start, round(waterfall.seconds, 3)) == (TRACE, 3, 1.004)
    bars = [(bar.depth, bar.text, bar.start, bar.proxy, bar.failed) for bar in waterfall.bars]
    assert bars == [
        (0, "→ PaymentsService/AuthorizePayment", 0, False, True),
        (1, "→ call", 0, True, False),
        (2, "call", 0, True, False),
        (0, "→ InventoryService/ReleaseReservation", 1, False, False),
    ]


def test_every_call_that_orders_can_send_has_a_kind() -> None:
    tree = ast.parse(Path("services/orders/peers.py").read_text(encoding="utf-8"))
    sent = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "_stub"
    }
    assert sent == PREPARATIONS | STEPS | UNDO


def test_recent_orders_have_the_state_of_their_newest_line() -> None:
    failed = line("undoing the order failed; recovery will retry", "1970-01-01T00:00:01Z")
    other = Line("1970-01-01T00:00:02Z", "orders-1-1", "app", "INFO", "order CONFIRMED", {"order": OTHER})
    orders = summarize([failed, other])
    assert [(order.id, order.state, order.note) for order in orders] == [
        (OTHER, "CONFIRMED", ""),
        (ORDER, "PENDING", "undoing the order failed; recovery will retry"),
    ]
    assert [(order.id, order.state) for order in summarize([failed, other, REJECTED])] == [
        (ORDER, "REJECTED"),
        (OTHER, "CONFIRMED"),
    ]
