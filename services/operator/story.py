"""The records of one order in all services, its events in Kafka, and whether they agree: the ledger for one order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from services.operator.checks import CheckResult, Snapshot
from services.operator.domain import EventRecords, Records
from services.operator.event_checks import check_events, check_notifications, check_sales
from services.operator.events import PublishedEvent, Topics
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

RECORD_CHECKS = (check_orders, check_money, check_payments, check_reservations, check_shipments)
EVENT_CHECKS = (check_events, check_notifications, check_sales)
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
    """What the services have recorded about one order, as messages of their contracts. None without Kafka: events."""

    order: Any
    records: Mapping[str, Sequence[Message]]
    events: Sequence[PublishedEvent] | None
    complete_since: datetime | None


async def read_story(services: Services, name: str) -> dict[str, object]:
    """Read everything about the order `name`, check it, and return it as JSON.

    Raises AioRpcError, KafkaException, MalformedRecordError.
    """
    before = await services.order(name)
    records, (events, complete_since) = await asyncio.gather(_records(services, name), _events(services.topics, name))
    messages = Messages(await services.order(name), records, events, complete_since)
    snapshot = Snapshot.of(_convert(before, messages), {name})
    results = run_checks(snapshot)
    now = datetime.now(UTC)
    return {
        "order": _shown("order", messages.order),
        "records": {kind: [_shown(kind, each) for each in found] for kind, found in records.items()},
        "events": None if events is None else [_published(each) for each in events],
        "checks": [_result(each) for each in results],
        "verdict": judge(snapshot, results, now).value,
        "read_time": now.isoformat(),
    }


def run_checks(snapshot: Snapshot) -> list[CheckResult]:
    """Run the checks of the ledger that concern a single order."""
    results = [check(snapshot) for check in RECORD_CHECKS]
    event_records = snapshot.records.event_records
    if event_records is not None:
        results += [check(snapshot, event_records) for check in EVENT_CHECKS]
    return results


def judge(snapshot: Snapshot, results: Sequence[CheckResult], now: datetime) -> Verdict:
    """Return the verdict about a snapshot of one order."""
    (order,) = snapshot.records.orders_after.values()
    mismatches = any(result.mismatches for result in results)
    if order.name in snapshot.checked and not mismatches:
        return Verdict.BALANCED
    is_late = now - order.update_time > SETTLE_TIME
    return Verdict.UNBALANCED if mismatches and is_late else Verdict.UNSETTLED


async def _records(services: Services, name: str) -> dict[str, Sequence[Message]]:
    def refers(record: Any) -> bool:  # noqa: ANN401  # messages
        return bool(record.reference == name)

    def names(record: Any) -> bool:  # noqa: ANN401  # messages
        return bool(record.order == name)

    readings = {
        "reservations": _select(services.reservations(), refers),
        "payments": _select(services.payments(), refers),
        "shipments": _select(services.shipments(), refers),
    }
    if services.topics is not None:
        readings["notifications"] = _select(services.notifications(), names)
        readings["sales"] = _select(services.sales(), names)
    return dict(zip(readings, await asyncio.gather(*readings.values()), strict=True))


async def _select(items: AsyncIterator[Any], belongs: Callable[[Any], bool]) -> list[Any]:
    return [item async for item in items if belongs(item)]


async def _events(topics: Topics | None, name: str) -> tuple[Sequence[PublishedEvent] | None, datetime | None]:
    if topics is None:
        return None, None
    published, complete_since = await asyncio.to_thread(topics.events)
    return [each for each in published if each.event.order == name], complete_since


def _convert(before: Any, messages: Messages) -> Records:  # noqa: ANN401  # a message
    orders_before, orders_after = ({each.name: read_order(each)} for each in (before, messages.order))
    records: Mapping[str, Sequence[Any]] = messages.records
    event_records = None
    if messages.events is not None:
        event_records = EventRecords(
            events=[each.event for each in messages.events],
            complete_since=messages.complete_since,
            notifications=[read_notification(each) for each in records["notifications"]],
            sales=[read_sale(each) for each in records["sales"]],
            demands=[],
            dead_letters={},
        )
    return Records(
        orders_before,
        orders_after,
        payments=[read_payment(each) for each in records["payments"]],
        reservations=[read_reservation(each) for each in records["reservations"]],
        shipments=[read_shipment(each) for each in records["shipments"]],
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
