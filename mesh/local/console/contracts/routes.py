"""The HTTP API of the contracts."""

import asyncio
import dataclasses
from typing import Any

from aiohttp import web

from mesh.local.console.contracts import catalog
from mesh.local.console.contracts.attempt import OPERATOR, Call, InvalidRequestError, Tokens, attempt, parse_request
from mesh.local.console.contracts.live import treatments
from mesh.local.console.contracts.recent import Recent, recent_calls
from mesh.local.console.contracts.source import Source
from mesh.local.instance import REPOSITORY, Instance
from mesh.local.matrix.callers import callers
from mesh.local.matrix.declared import Method, methods, services
from mesh.local.why.local import LocalLive

METHOD = "/api/contracts/{contract}/{method}"


def routes(mesh: Instance) -> list[web.RouteDef]:
    """Return the routes of this feature."""
    page = _Page(mesh)
    return [
        web.get("/api/contracts", page.services),
        web.get("/api/contracts/recent", page.recent),
        web.get(METHOD, page.method),
        web.get(f"{METHOD}/recent", page.recent_of_method),
        web.get(f"{METHOD}/live", page.live),
        web.post(f"{METHOD}/call", page.call),
    ]


class _Page:
    """The handlers, with what they keep between requests."""

    def __init__(self, mesh: Instance) -> None:
        self._mesh = mesh
        self._source = Source(mesh.home / "console")
        self._tokens = Tokens(mesh)
        declared = methods(REPOSITORY)
        self._declared = {method.name: method for method in declared}
        outside = [each.name for each in callers(declared, services(REPOSITORY)) if not each.inside]
        # About callers outside, the gateway decides.
        self._callers = [*outside, OPERATOR]

    async def services(self, _: web.Request) -> web.Response:
        contracts = await asyncio.to_thread(self._source.read)
        return web.json_response([dataclasses.asdict(each) for each in catalog.services(contracts)])

    async def recent(self, _: web.Request) -> web.Response:
        found = await asyncio.to_thread(recent_calls, self._mesh)
        return web.json_response({name: _recent(each) for name, each in found.items()})

    async def method(self, request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(self._details, self._method(request).name))

    async def recent_of_method(self, request: web.Request) -> web.Response:
        name = self._method(request).name
        found = await asyncio.to_thread(recent_calls, self._mesh, name)
        return web.json_response(_recent(found.get(name, Recent())))

    async def live(self, request: web.Request) -> web.Response:
        declared = self._method(request)
        found = await asyncio.to_thread(treatments, LocalLive.of(self._mesh), declared)
        return web.json_response([dataclasses.asdict(each) for each in found])

    async def call(self, request: web.Request) -> web.Response:
        declared, body = self._method(request), await request.json()
        if not isinstance(body, dict):
            raise web.HTTPBadRequest(text="the body is not an object")
        text, caller = str(body.get("request", "")), str(body.get("caller", ""))
        if caller not in self._callers:
            raise web.HTTPBadRequest(text=f"{caller!r} cannot call from this page: choose another caller")
        contracts = await asyncio.to_thread(self._source.read)
        message = contracts.examples.empty(declared.name)
        try:
            parse_request(message, text)
        except InvalidRequestError as error:
            return web.json_response({"invalid": str(error)})
        call = Call(declared.name, message, caller, is_stream=declared.is_stream)
        outcome = await attempt(self._mesh, self._tokens, contracts.built, call)
        return web.json_response(dataclasses.asdict(outcome))

    def _method(self, request: web.Request) -> Method:
        """Return the method that a path names. Raises HTTPNotFound."""
        name = f"{request.match_info['contract']}/{request.match_info['method']}"
        if name not in self._declared:
            raise web.HTTPNotFound(text=f"there is no method {name}")
        return self._declared[name]

    def _details(self, name: str) -> dict[str, Any]:
        contracts = self._source.read()
        if not (found := catalog.method(contracts, name)):
            raise web.HTTPNotFound(text=f"there is no method {name}")
        return {
            **dataclasses.asdict(found),
            "example": contracts.examples.request(name),
            "may_try": self._callers,
            "gateway": self._mesh.gateway,
            "option": self._mesh.option,
        }


def _recent(found: Recent) -> dict[str, Any]:
    used = {"error_budget_used": found.error_budget_used, "slow_budget_used": found.slow_budget_used}
    return dataclasses.asdict(found) | used
