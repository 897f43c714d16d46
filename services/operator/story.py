"""The records of one order in all services, its events in Kafka, and whether they agree: the ledger for one order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import grpc.aio
from confluent_kafka import KafkaException
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from services.operator.calls import format_error
from services.operator.checks import CheckResult, Snapshot
from services.operator.domain import EventRecords, Records
from services.operator.event_checks import check_events, check_notifications, check_sales
from services.operator.events import PublishedEvent
from services.operator.ledger import DEFAULT_TIMEOUT_SECONDS
from services.operator.peers import (
    Services,
    read_notification,
    read_order,
    read_payment,
    read_reservation,
    read_sale,
    read_shipment,
)
from services.operator.record_checks import (
    check_money,
    check_orders,
    check_payments,
    check_reservations,
    check_shipments,
)

RECORD_CHECKS = {
    check_orders: "order",
    check_money: "payments",
    check_payments: "payments",
    check_reservations: "reservations",
    check_shipments: "shipments",
}
"""Check → what it compares the order with. It is left out if that could not be read."""
EVENT_CHECKS = {check_events: "events", check_notifications: "notifications", check_sales: "sales"}
"""The same for the checks that also need the events."""
SETTLE_TIME = timedelta(seconds=DEFAULT_TIMEOUT_SECONDS)

TIMES = ("create_time", "update_time")
SHOWN = {
    "order": FieldMask(
        paths=(
            *("name", "state", "items", "total", "shipping_price", "shipment"),
            *("rejection_reason", "rejection_message", "parking", *TIMES),
        )
    ),
    "reservations": FieldMask(paths=("name", "state", "lines", *TIMES)),
    "payments": FieldMask(paths=("name", "state", "amount", *TIMES)),
    "shipments": FieldMask(paths=("name", "state", "pieces", "price", *TIMES)),
    "notifications": FieldMask(paths=("name", "kind", "event_time", "create_time")),
    "sales": FieldMask(paths=("name", "state", "products", "total", "place_time", "event_time")),
}
"""The fields that are printed. None is about a person: no customer, no address, no text of a notification."""


class Verdict(StrEnum):
    """Whether the books of an order balance. UNSETTLED: they may still have a delay, as the ledger allows it."""

    BALANCED = "BALANCED"
    UNSETTLED = "UNSETTLED"
    UNBALANCED = "UNBALANCED"


@dataclass(frozen=True, slots=True)
class Messages:
    """What the services have recorded about one order, as messages of their contracts. Without Kafka, `events` is None.

    `unread` has what could not be read, with the error. A service that is down is a part of the story.
    """

    order: Any
    records: Mapping[str, Sequence[Message]]
    events: Sequence[PublishedEvent] | None
    complete_since: datetime | None
    unread: Mapping[str, str]


async def read_story(services: Services, name: str) -> dict[str, object]:
    """Read everything about the order `name`, check it, and return it as JSON.

    Raises AioRpcError if orders cannot be read, and MalformedRecordError.
    """
    before = await services.order(name)
    messages = await _read(services, name)
    snapshot = Snapshot.of(_convert(before, messages), {name})
    results = run_checks(snapshot, messages.unread)
    now = datetime.now(UTC)
    return {
        "order": _shown("order", messages.order),
        "records": {kind: [_shown(kind, each) for each in found] for kind, found in messages.records.items()},
        "events": None if messages.events is None else [_published(each) for each in messages.events],
        "unread": messages.unread,
        "checks": [_result(each) for each in results],
        "verdict": judge(snapshot, results, now, messages.unread).value,
        "read_time": now.isoformat(),
    }


def run_checks(snapshot: Snapshot, unread: Container[str] = ()) -> list[CheckResult]:
    """Run the checks of the ledger that concern a single order, as far as they need nothing that is unread."""
    results = [check(snapshot) for check, needed in RECORD_CHECKS.items() if needed not in unread]
    event_records = snapshot.records.event_records
    if event_records is not None:
        results += [check(snapshot, event_records) for check, needed in EVENT_CHECKS.items() if needed not in unread]
    return results


def judge(snapshot: Snapshot, results: Sequence[CheckResult], now: datetime, unread: Collection[str] = ()) -> Verdict:
    """Return the verdict about a snapshot of one order."""
    (order,) = snapshot.records.orders_after.values()
    mismatches = any(result.mismatches for result in results)
    if order.name in snapshot.checked and not mismatches and not unread:
        return Verdict.BALANCED
    is_late = now - order.update_time > SETTLE_TIME
    return Verdict.UNBALANCED if mismatches and is_late else Verdict.UNSETTLED


async def _read(services: Services, name: str) -> Messages:
    readings: dict[str, Awaitable[Any]] = {
        "reservations": _select(services.reservations(), lambda each: each.reference == name),
        "payments": _select(services.payments(), lambda each: each.reference == name),
        "shipments": _select(services.shipments(), lambda each: each.reference == name),
    }
    if services.topics is not None:
        readings["notifications"] = _select(services.notifications(), lambda each: each.order == name)
        readings["sales"] = _select(services.sales(), lambda each: each.order == name)
        readings["events"] = asyncio.to_thread(services.topics.events)
    results = await asyncio.gather(*readings.values(), return_exceptions=True)
    found: dict[str, Any] = dict(zip(readings, results, strict=True))
    unread = {kind: _describe(error) for kind, error in found.items() if isinstance(error, BaseException)}
    read = {kind: records for kind, records in found.items() if kind not in unread}
    # The list has the newest first.
    read.get("notifications", []).reverse()
    published, complete_since = read.pop("events", (None, None))
    events = None if published is None else [each for each in published if each.event.order == name]
    return Messages(await services.order(name), read, events, complete_since, unread)


def _describe(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return format_error(error)
    if isinstance(error, KafkaException):
        return str(error)
    raise error


async def _select(items: AsyncIterator[Any], belongs: Callable[[Any], bool]) -> list[Any]:
    return [item async for item in items if belongs(item)]


def _convert(before: Any, messages: Messages) -> Records:  # noqa: ANN401  # a message
    orders_before, orders_after = ({each.name: read_order(each)} for each in (before, messages.order))
    records: Mapping[str, Sequence[Any]] = messages.records
    event_records = None
    if messages.events is not None:
        event_records = EventRecords(
            events=[each.event for each in messages.events],
            complete_since=messages.complete_since,
            notifications=[read_notification(each) for each in records.get("notifications", ())],
            sales=[read_sale(each) for each in records.get("sales", ())],
            demands=[],
            dead_letters={},
        )
    return Records(
        orders_before,
        orders_after,
        payments=[read_payment(each) for each in records.get("payments", ())],
        reservations=[read_reservation(each) for each in records.get("reservations", ())],
        shipments=[read_shipment(each) for each in records.get("shipments", ())],
        stocks=[],
        event_records=event_records,
    )


def _shown(kind: str, message: Message) -> dict[str, object]:
    shown = type(message)()
    SHOWN[kind].MergeMessage(message, shown)
    return MessageToDict(shown, preserving_proto_field_name=True)


def _published(event: PublishedEvent) -> dict[str, object]:
    return {
        "id": event.event.id,
        "type": event.event.type,
        "topic": event.topic,
        "partition": event.partition,
        "offset": event.offset,
        "event_time": event.time.isoformat(),
        "publish_time": event.publish_time.isoformat(),
    }


def _result(result: CheckResult) -> dict[str, object]:
    mismatches = [{"name": each.name, "expected": each.expected, "actual": each.actual} for each in result.mismatches]
    return {"check": result.check, "figures": result.figures, "mismatches": mismatches}
