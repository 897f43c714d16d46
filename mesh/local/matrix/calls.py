"""Makes the call of each cell through the mesh, with an empty request, and records how it ended."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import grpc.aio

from mesh.local.matrix.callers import Caller
from mesh.local.matrix.declared import Method

CALL_TIMEOUT_SECONDS = 20
MAX_CONCURRENT_CALLS = 16
SERVICE_STATUSES = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
"""How a service responds to an empty request, depending on required fields. Such a request stores nothing."""
ACCESS_DENIED = "RBAC: access denied"
"""The status message of a proxy whose policy denies the call."""
NO_ROUTE = "UNIMPLEMENTED"
"""The status, without a message, of a caller's own proxy that has no route for the method."""


@dataclass(frozen=True)
class Access:
    """How a caller reaches the services: the address it connects to, and its token."""

    target: str
    namespace: str
    """Inside the mesh, the namespace in the callee's host; empty for the gateway."""
    token: str = ""

    def channel(self, service: str) -> grpc.aio.Channel:
        """Open a channel to a service."""
        options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]
        if self.namespace:
            options.append(("grpc.default_authority", f"{service}.{self.namespace}.svc.cluster.local"))
        return grpc.aio.insecure_channel(self.target, options=options)


@dataclass(frozen=True)
class Call:
    """A call to make, and whether the declarations allow it."""

    caller: Caller
    access: Access
    method: Method
    declared: bool


@dataclass(frozen=True)
class Cell:
    """A call that was made, and its result: a status name, perhaps with a message."""

    caller: Caller
    method: Method
    declared: bool
    result: str

    @property
    def allowed(self) -> bool:
        """Whether the call has reached the service."""
        return self.result in {code.name for code in SERVICE_STATUSES}

    @property
    def denied(self) -> bool:
        """Whether a proxy has rejected the call, by a policy or because a streaming method has no route inside."""
        no_route = self.result == NO_ROUTE and self.caller.inside and self.method.is_stream
        return self.result == ACCESS_DENIED or no_route

    @property
    def right(self) -> bool:
        """Whether the result is as declared. Every other error is wrong, too."""
        return self.allowed if self.declared else self.denied


async def call_all(calls: Sequence[Call]) -> list[Cell]:
    """Call all methods, several at a time."""
    semaphore = asyncio.Semaphore(MAX_CONCURRENT_CALLS)

    async def make(call: Call) -> Cell:
        async with semaphore:
            result = await _call(call.access, call.method)
        return Cell(call.caller, call.method, call.declared, result)

    return await asyncio.gather(*(make(call) for call in calls))


async def _call(access: Access, method: Method) -> str:
    """Call one method and return the result."""
    metadata = grpc.aio.Metadata(*([("authorization", f"Bearer {access.token}")] if access.token else []))
    async with access.channel(method.service) as channel:
        stub = channel.unary_stream(method.path, request_serializer=bytes, response_deserializer=bytes)
        try:
            async for _ in stub(b"", metadata=metadata, timeout=CALL_TIMEOUT_SECONDS):
                break
        except grpc.aio.AioRpcError as error:
            if error.code() in SERVICE_STATUSES:
                return error.code().name
            if error.details() == ACCESS_DENIED:
                return ACCESS_DENIED
            return f"{error.code().name} {error.details()}".strip()
    return grpc.StatusCode.OK.name
