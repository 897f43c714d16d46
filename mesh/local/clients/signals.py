"""Reads logs from VictoriaLogs and traces from Zipkin, through their HTTP APIs."""

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode

from mesh.local import loopback
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.pages import Page, base_url, no_response

TIMEOUT_SECONDS = 15
MAX_LINES = 10_000
POLL_INTERVAL_SECONDS, MAX_WAIT_SECONDS = 1.0, 6.0
MICROSECONDS_PER_SECOND = 1e6
MAX_TRACES, LOOKBACK_MS = 100, 7 * 24 * 3600 * 1000
"""How many traces one search returns, and how far it looks back."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Line:
    """A line of a log."""

    time: str
    """RFC 3339."""
    pod: str
    container: str
    level: str
    message: str
    fields: dict[str, str]
    """All others, for example trace_id."""


@dataclass(frozen=True)
class Span:
    """A span of a trace."""

    id: str
    parent: str
    """The id of the parent; empty for the root."""
    kind: str
    """SERVER, CLIENT, PRODUCER, CONSUMER, or empty."""
    name: str
    service: str
    start: float
    """Seconds since 1970."""
    duration: float
    """Seconds."""
    tags: dict[str, str]

    @property
    def is_proxy(self) -> bool:
        """Whether a proxy has recorded it."""
        return self.tags.get("component") == "proxy"

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return "error" in self.tags

    @classmethod
    def read(cls, span: dict[str, Any]) -> Self:
        """Read a span of Zipkin's API."""
        return cls(
            id=span["id"],
            parent=span.get("parentId", ""),
            kind=span.get("kind", ""),
            name=span.get("name", ""),
            service=span.get("localEndpoint", {}).get("serviceName", ""),
            start=span.get("timestamp", 0) / MICROSECONDS_PER_SECOND,
            duration=span.get("duration", 0) / MICROSECONDS_PER_SECOND,
            tags=span.get("tags", {}),
        )


def find_lines(mesh: Instance, query: str) -> list[Line]:
    """Return the lines that match a query in LogsQL, the oldest first; at most MAX_LINES. Raises MeshError."""
    arguments = urlencode({"query": f"{query} | sort by (_time) limit {MAX_LINES}"})
    body = _get(mesh, Page.LOGS, f"select/logsql/query?{arguments}")
    return [_line(json.loads(text)) for text in body.splitlines()]


def find_trace(mesh: Instance, trace_id: str) -> list[Span]:
    """Return the spans of a trace in the order of their starts; none if Zipkin does not have it. Raises MeshError."""
    spans = json.loads(_get(mesh, Page.TRACES, f"api/v2/trace/{trace_id}") or "[]")
    return sorted((Span.read(span) for span in spans), key=lambda span: span.start)


def traces_of_order(mesh: Instance, order: str) -> list[str]:
    """Return the ids of the traces that belong to an order. Raises MeshError if there are no logs."""
    order_id = order.removeprefix("orders/")
    traces = traces_with_lines_of(mesh, order_id)
    # The log is enough for an order that has ended, so it can be read without the store of traces.
    with suppress(MeshError):
        traces += traces_with_events_of(mesh, order_id)
    return list(dict.fromkeys(traces))


def traces_with_lines_of(mesh: Instance, order_id: str) -> list[str]:
    """Return the ids of the traces whose log lines name an order, the oldest first. Raises MeshError."""
    lines = find_lines(mesh, f"order:={quote(order_id)} trace_id:*")
    return list(dict.fromkeys(line.fields["trace_id"] for line in lines))


def traces_with_events_of(mesh: Instance, order_id: str) -> list[str]:
    """Return the ids of the traces in which events about an order were sent. Raises MeshError.

    They exist once the order is stored, so also while its saga runs, and if its process died.
    """
    tag = f"cloudevents.event_subject=orders/{order_id}"
    arguments = urlencode({"annotationQuery": tag, "limit": MAX_TRACES, "lookback": LOOKBACK_MS})
    traces = json.loads(_get(mesh, Page.TRACES, f"api/v2/traces?{arguments}") or "[]")
    return [spans[0]["traceId"] for spans in traces]


def in_traces(traces: Iterable[str]) -> str:
    """Return the query for the lines of some traces."""
    return " or ".join(f"trace_id:={quote(each)}" for each in traces)


def settled(read: Callable[[], Result]) -> Result:
    """Read until two results in a row are equal and not empty: what belongs to a new order arrives bit by bit.

    Returns the last result after MAX_WAIT_SECONDS.
    """
    deadline, last = time.monotonic() + MAX_WAIT_SECONDS, None
    while not (found := read()) or found != last:
        if time.monotonic() > deadline:
            break
        last = found
        time.sleep(POLL_INTERVAL_SECONDS)
    return found


def quote(text: str) -> str:
    """Return a text as a phrase of LogsQL."""
    return json.dumps(text)


def _line(fields: dict[str, str]) -> Line:
    own = {"_time", "_msg", "_stream", "_stream_id", "severity_text", "severity_number", "scope.name", "scope.version"}
    pod, container = fields.get("k8s.pod.name", ""), fields.get("k8s.container.name", "")
    others = {name: value for name, value in fields.items() if name not in own and not name.startswith("k8s.")}
    return Line(fields["_time"], pod, container, fields.get("severity_text", ""), fields.get("_msg", ""), others)


def _get(mesh: Instance, page: Page, path: str) -> bytes:
    """Return the response to a request; nothing if what it names does not exist."""
    try:
        with loopback.open_url(f"{base_url(mesh, page)}/{path}", TIMEOUT_SECONDS) as reply:
            return reply.read()
    except OSError as error:
        if isinstance(error, HTTPError) and error.code == HTTPStatus.NOT_FOUND:
            return b""
        raise no_response(page, error) from None
