"""What is: each cell's call made through the mesh, with an empty request, and told by whoever answered it."""

import asyncio
from dataclasses import dataclass

import grpc
import grpc.aio

from tools.matrix.cells import Caller
from tools.protoc_gen_istio.contracts import Method

SECONDS = 20
ANSWERED = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
"""What a service says of an empty request: it may be complete, or lacks what is required. Nothing is stored by it."""
REFUSED = "RBAC: access denied"
"""What a proxy says of a call that no policy lets in."""
UNROUTED = "UNIMPLEMENTED"
"""What the caller's own proxy says, in no further words, of a method that it has no route for."""
AT_ONCE = 16


@dataclass(frozen=True)
class Door:
    """Where a caller's calls go out, and what they carry."""

    target: str
    namespace: str
    """Inside, the namespace in the callee's host; "" at the gateway."""
    token: str = ""

    def channel(self, service: str) -> grpc.aio.Channel:
        """Open a channel to a service."""
        options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]
        if self.namespace:
            options.append(("grpc.default_authority", f"{service}.{self.namespace}.svc.cluster.local"))
        return grpc.aio.insecure_channel(self.target, options=options)


@dataclass(frozen=True)
class Cell:
    """A caller, a method, whether it may, and what came of it."""

    caller: Caller
    method: Method
    may: bool
    told: str

    @property
    def allowed(self) -> bool:
        """Whether the service itself has answered."""
        return self.told in {code.name for code in ANSWERED}

    @property
    def denied(self) -> bool:
        """Whether a proxy has refused the call: by a policy, or as streams that nobody inside opens have no route."""
        return self.told == REFUSED or (self.told == UNROUTED and self.caller.inside and self.method.stream)

    @property
    def right(self) -> bool:
        """Whether it is as it ought to be: anything else but answer and refusal is wrong, too."""
        return self.allowed if self.may else self.denied


async def call(door: Door, service: str, method: Method) -> str:
    """Make a call; answer the status that the service gave it, or whatever else it ended with."""
    metadata = grpc.aio.Metadata(*([("authorization", f"Bearer {door.token}")] if door.token else []))
    async with door.channel(service) as channel:
        opened = channel.unary_stream(method.path, request_serializer=bytes, response_deserializer=bytes)
        try:
            async for _ in opened(b"", metadata=metadata, timeout=SECONDS):
                break
        except grpc.aio.AioRpcError as error:
            if error.code() in ANSWERED:
                return error.code().name
            return REFUSED if error.details() == REFUSED else f"{error.code().name} {error.details()}".strip()
    return grpc.StatusCode.OK.name


async def call_all(wanted: list[tuple[Caller, Door, str, Method, bool]]) -> list[Cell]:
    """Make every call, some at once. Each has (caller, its door, the callee, the method, whether it may)."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(caller: Caller, door: Door, service: str, method: Method, *, may: bool) -> Cell:
        async with room:
            return Cell(caller, method, may, await call(door, service, method))

    return await asyncio.gather(*(one(caller, door, to, method, may=may) for caller, door, to, method, may in wanted))
