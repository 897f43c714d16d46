"""The order's story: what logs and traces have about an order, its books, and the orders that were processed last."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from aiohttp import web

from mesh.local.clients.kubectl import Kubectl
from mesh.local.clients.signals import Line, Span
from mesh.local.instance import Instance
from mesh.local.story.books import ORDER_ID, read_books
from mesh.local.story.lines import PROXY, details, workload
from mesh.local.story.observed import Observed, observe
from mesh.local.story.recent import recent_orders
from mesh.local.story.spans import describe, walk
from mesh.local.story.timeline import from_books


@dataclass(frozen=True)
class LineRow:
    """A line of the log as the page shows it."""

    time: str
    workload: str
    proxy: bool
    level: str
    message: str
    details: str


@dataclass(frozen=True)
class Bar:
    """A span in the waterfall. `start` is seconds after the start of the trace."""

    depth: int
    service: str
    proxy: bool
    kind: str
    text: str
    start: float
    seconds: float
    failed: bool


@dataclass(frozen=True)
class Waterfall:
    """A trace as bars below each other, parents before their children. `start` is seconds since 1970."""

    id: str
    start: float
    seconds: float
    bars: Sequence[Bar]


def routes(mesh: Instance) -> list[web.RouteDef]:
    """Return the routes of this feature for a mesh."""

    async def recent(_request: web.Request) -> web.Response:
        orders = await asyncio.to_thread(recent_orders, mesh)
        return web.json_response([asdict(order) for order in orders])

    async def observed(request: web.Request) -> web.Response:
        order_id = request.match_info["id"]
        if not ORDER_ID.fullmatch(order_id):
            raise web.HTTPNotFound(text=f"{order_id} cannot be the id of an order")
        shown = _shown(await asyncio.to_thread(observe, mesh, order_id))
        names = (f"order {order_id}", f"trace orders/{order_id}", f"logs --order orders/{order_id}")
        commands = [f".venv/bin/mesh {name}{mesh.option}" for name in names]
        return web.json_response({**shown, "commands": commands})

    async def books(request: web.Request) -> web.Response:
        found = await asyncio.to_thread(read_books, Kubectl.of(mesh), request.match_info["id"])
        if found is None:
            return web.json_response(None)
        return web.json_response({**found, "entries": [asdict(entry) for entry in from_books(found)]})

    return [
        web.get("/api/orders", recent),
        web.get("/api/orders/{id}/observed", observed),
        web.get("/api/orders/{id}/books", books),
    ]


def waterfalls(traces: Mapping[str, Sequence[Span]]) -> Iterator[Waterfall]:
    """Yield each trace as bars."""
    for trace, spans in traces.items():
        start = min(span.start for span in spans)
        end = max(span.start + span.duration for span in spans)
        bars = [
            Bar(
                depth,
                span.service,
                span.is_proxy,
                span.kind,
                describe(span),
                span.start - start,
                span.duration,
                span.failed,
            )
            for depth, span in walk(spans)
        ]
        yield Waterfall(trace, start, end - start, bars)


def line_rows(lines: Iterable[Line]) -> Iterator[LineRow]:
    """Yield each line as the page shows it."""
    for line in lines:
        yield LineRow(line.time, workload(line), line.container == PROXY, line.level, line.message, details(line))


def _shown(observed: Observed) -> dict[str, object]:
    return {
        "entries": [asdict(entry) for entry in observed.entries],
        "lines": [asdict(row) for row in line_rows(observed.lines)],
        "traces": [asdict(each) for each in waterfalls(observed.traces)],
        "problems": {
            store: {"what": error.what, "why": error.why, "fix": error.fix}
            for store, error in observed.problems.items()
        },
    }
