"""The timeline of an order: the steps of its saga, its events and their consumers, in the order of time.

Each entry comes from a span of the traces, a line of the log, or a record of the books. The books also have entries
that the signals have, with the same key; `merge` prefers the signals.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from mesh.local.clients.signals import Line, Span
from mesh.local.story.spans import by_parent

ORDERS = "orders"
"""The service whose calls are the steps of the saga."""
RECOVERY = "recover order"
"""The name of the span around an attempt of recovery."""
PREPARATIONS = frozenset({"BatchGetProducts", "QuoteShipping"})
UNDO = frozenset({"ReleaseReservation", "CancelShipment", "VoidPayment", "RefundPayment", "ReturnReservation"})
"""The methods that undo a step."""
STEPS = frozenset({"ReserveStock", "AuthorizePayment", "BookShipment", "CapturePayment", "CommitReservation"})
STATES = frozenset({"CONFIRMED", "REJECTED", "CANCELLED"})
"""The final states of an order."""


class Kind(StrEnum):
    """What an entry is about."""

    REQUEST = "request"
    """A call that orders has served: it places, cancels or resumes the order."""
    RECOVERY = "recovery"
    """Orders continues an order whose process died, or whose undoing has failed."""
    PREPARATION = "preparation"
    """A call before the order is stored."""
    STEP = "step"
    REPEATED = "repeated"
    """A step that is sent again, to find out what the first call did."""
    UNDO = "undo"
    PUBLISHED = "published"
    """Kafka has accepted an event."""
    PROCESSED = "processed"
    """A consumer has processed an event."""
    STATE = "state"
    """The order has reached a state."""
    NOTE = "note"
    """Another line that orders has logged about this order."""
    RECORD = "record"
    """A service has created or changed a record. Only shown if there are no traces."""


@dataclass(frozen=True)
class Entry:
    """An entry of the timeline. `time` is seconds since 1970, `seconds` how long it took."""

    time: float
    kind: Kind
    service: str
    """Who was called, has consumed or has logged."""
    title: str
    result: str = ""
    failed: bool = False
    seconds: float | None = None
    attempts: int = 1
    """How often a proxy sent the call."""
    flags: Sequence[str] = ()
    """Envoy's response flags: why the caller's proxy has failed the call itself."""
    note: str = ""
    trace: str = ""
    key: str = field(default="", repr=False)
    """The same for the same fact from another source."""


def from_signals(order_id: str, traces: Mapping[str, Sequence[Span]], lines: Iterable[Line]) -> list[Entry]:
    """Return the entries that spans and log lines have about an order. `traces` has the spans by trace."""
    entries = [entry for trace, spans in traces.items() for entry in _from_spans(order_id, trace, spans)]
    entries += [_from_line(line) for line in lines if line.fields.get("order") == order_id]
    return _mark_repeated(sorted(entries, key=lambda entry: entry.time))


def from_books(books: Mapping[str, Any]) -> list[Entry]:
    """Return the entries that the books of an order have."""
    return [*_states(books["order"]), *_events(books), *_records(books["records"])]


def merge(signals: Iterable[Entry], books: Iterable[Entry]) -> list[Entry]:
    """Return the entries of both in the order of time. Records are left out if the signals have the calls."""
    entries = list(signals)
    keys = {entry.key for entry in entries if entry.key}
    has_calls = any(entry.kind is Kind.STEP for entry in entries)
    entries += [entry for entry in books if entry.key not in keys and not (has_calls and entry.kind is Kind.RECORD)]
    return sorted(entries, key=lambda entry: entry.time)


def _from_spans(order_id: str, trace: str, spans: Sequence[Span]) -> Iterator[Entry]:
    children = by_parent(spans)
    for span in spans:
        tags = span.tags
        if span.is_proxy:
            continue
        if tags.get("cloudevents.event_subject") == f"orders/{order_id}":
            yield _event(trace, span)
        elif span.service != ORDERS:
            continue
        elif span.name == RECOVERY:
            yield Entry(span.start, Kind.RECOVERY, ORDERS, RECOVERY, seconds=span.duration, trace=trace)
        elif span.kind in {"SERVER", "CLIENT"} and "rpc.method" in tags:
            yield _call(trace, span, children)


def _call(trace: str, span: Span, children: Mapping[str, Sequence[Span]]) -> Entry:
    method = span.tags["rpc.method"]
    name = method.rpartition("/")[2]
    proxies = list(_proxies(span, children)) if span.kind == "CLIENT" else []
    flags = {proxy.tags.get("response_flags", "-") for proxy in proxies if proxy.kind == "CLIENT"} - {"-"}
    return Entry(
        span.start,
        _kind(name) if span.kind == "CLIENT" else Kind.REQUEST,
        method.split(".")[1],
        name,
        result=span.tags.get("rpc.response.status_code", ""),
        failed=span.failed,
        seconds=span.duration,
        attempts=max(1, sum(proxy.kind == "SERVER" for proxy in proxies)),
        flags=sorted({flag for each in flags for flag in each.split(",")}),
        trace=trace,
    )


def _kind(method: str) -> Kind:
    if method in PREPARATIONS:
        return Kind.PREPARATION
    return Kind.UNDO if method in UNDO else Kind.STEP


def _proxies(span: Span, children: Mapping[str, Sequence[Span]]) -> Iterator[Span]:
    """Yield the spans of the proxies on both sides of a call. Each attempt has one of the callee's proxy."""
    for child in children.get(span.id, ()):
        if child.is_proxy:
            yield child
            yield from _proxies(child, children)


def _event(trace: str, span: Span) -> Entry:
    tags = span.tags
    name, event_id = tags["cloudevents.event_type"].rpartition(".")[2], tags["messaging.message.id"]
    place = f"{tags['messaging.destination.name']}/{tags.get('messaging.destination.partition.id', '?')}"
    note = f"{place}, offset {tags['messaging.kafka.offset']}" if "messaging.kafka.offset" in tags else place
    group = tags.get("messaging.consumer.group.name", "")
    return Entry(
        span.start,
        Kind.PROCESSED if group else Kind.PUBLISHED,
        group or span.service,
        name,
        result=tags.get("error.type", ""),
        failed=span.failed,
        seconds=span.duration,
        note=note,
        trace=trace,
        key=f"processed/{event_id}/{group}" if group else f"published/{event_id}",
    )


def _from_line(line: Line) -> Entry:
    time = datetime.fromisoformat(line.time).timestamp()
    state = line.message.removeprefix("order ")
    failed = line.level in {"WARNING", "ERROR", "CRITICAL"}
    note = ", ".join(f"{name} {line.fields[name]}" for name in ("reason", "call", "failure") if line.fields.get(name))
    trace = line.fields.get("trace_id", "")
    if state in STATES:
        return Entry(time, Kind.STATE, ORDERS, state, note=note, trace=trace, key=f"state/{state}")
    return Entry(time, Kind.NOTE, ORDERS, line.message, failed=failed, note=note, trace=trace)


def _mark_repeated(entries: Iterable[Entry]) -> list[Entry]:
    """Mark the steps that are sent a second time, and those of recovery, which does not know of the first time."""
    seen, marked, recovers = set[str](), list[Entry](), set[str]()
    for entry in entries:
        if entry.kind is Kind.RECOVERY:
            recovers.add(entry.trace)
        repeated = entry.kind is Kind.STEP and (entry.title in seen or entry.trace in recovers)
        seen.add(entry.title)
        marked.append(replace(entry, kind=Kind.REPEATED) if repeated else entry)
    return marked


def _states(order: Mapping[str, Any]) -> Iterator[Entry]:
    yield Entry(_seconds(order["create_time"]), Kind.STATE, ORDERS, "PENDING", key="state/PENDING")
    state = order["state"].removeprefix("STATE_")
    if state != "PENDING":
        yield Entry(_seconds(order["update_time"]), Kind.STATE, ORDERS, state, key=f"state/{state}")
    if "parking" in order:
        parking = order["parking"]
        note = ", ".join(f"{name} {parking[name].partition('_')[2]}" for name in ("call", "reason") if name in parking)
        yield Entry(_seconds(parking["park_time"]), Kind.STATE, ORDERS, "PARKED", failed=True, note=note)


def _events(books: Mapping[str, Any]) -> Iterator[Entry]:
    for event in books["events"] or ():
        yield Entry(
            _seconds(event["publish_time"]),
            Kind.PUBLISHED,
            ORDERS,
            event["type"],
            note=f"{event['topic']}/{event['partition']}, offset {event['offset']}",
            key=f"published/{event['id']}",
        )
    names = {event["id"]: event["type"] for event in books["events"] or ()}
    for notification in books["records"].get("notifications", ()):
        event_id = notification["name"].removeprefix("notifications/")
        yield Entry(
            _seconds(notification["create_time"]),
            Kind.PROCESSED,
            "notifications",
            names.get(event_id, "an event"),
            key=f"processed/{event_id}/notifications",
        )


def _records(records: Mapping[str, Any]) -> Iterator[Entry]:
    for kind, service in (("reservations", "inventory"), ("payments", "payments"), ("shipments", "shipping")):
        for record in records.get(kind, ()):
            title, state = kind.removesuffix("s"), record["state"].removeprefix("STATE_")
            yield Entry(_seconds(record["create_time"]), Kind.RECORD, service, f"{title} created")
            if record["update_time"] != record["create_time"]:
                yield Entry(_seconds(record["update_time"]), Kind.RECORD, service, f"{title} {state}")


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
