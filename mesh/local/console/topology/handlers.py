"""The API of the page."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from mesh.local.console.topology.history import SPAN_SECONDS
from mesh.local.console.topology.reader import Reader
from mesh.local.instance import Instance

MARGIN_SECONDS = 600
"""A shared address stays valid for a while after its time has left the slider."""


def routes(mesh: Instance) -> list[web.RouteDef]:
    """Return the routes of the topology for a mesh."""
    reader = Reader(mesh)

    async def read_graph(request: web.Request) -> web.Response:
        return await _respond(reader.graph, read_time(request.query))

    async def read_edge(request: web.Request) -> web.Response:
        return await _respond(reader.edge, request.match_info["edge"], read_time(request.query))

    async def read_node(request: web.Request) -> web.Response:
        return await _respond(reader.node, request.match_info["node"], read_time(request.query))

    async def read_history(_: web.Request) -> web.Response:
        return await _respond(reader.history)

    return [
        web.get("/api/topology", read_graph),
        web.get("/api/topology/history", read_history),
        web.get("/api/topology/edges/{edge}", read_edge),
        web.get("/api/topology/nodes/{node}", read_node),
    ]


async def _respond(read: Callable[..., Any], *arguments: object) -> web.Response:
    found = await asyncio.to_thread(read, *arguments)
    if found is None:
        raise web.HTTPNotFound(text="the topology has no such node or edge")
    return web.json_response(dataclasses.asdict(found))


def read_time(query: Mapping[str, str]) -> float | None:
    """Return the time that a query asks for, in seconds since 1970; None for now.

    Raises:
        HTTPBadRequest: it is no time of the last hour.
    """
    text = query.get("at")
    if not text:
        return None
    try:
        at = float(text)
    except ValueError:
        raise web.HTTPBadRequest(text="at must be seconds since 1970") from None
    now = time.time()
    if not now - SPAN_SECONDS - MARGIN_SECONDS <= at <= now:
        raise web.HTTPBadRequest(text="at must be within the last hour")
    return at
