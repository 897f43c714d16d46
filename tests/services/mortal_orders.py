"""orders as it is, but that it dies, or takes a callee for failed, where a test says so: around each call of its saga.

With EAGER in its environment its recovery is soon at hand.
"""

import inspect
import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc.aio
from typing_extensions import override

from services.orders import __main__ as orders
from services.orders import saga
from services.orders.peers import Inventory, Payments, Shipping
from services.orders.saga import PeerFailedError
from services.orders.servicer import ERRORS
from services.runtime import serve
from tests.services.mortal import BEFORE, UNHEARD, UNWRITTEN, live_again, reached

Call = Callable[..., Awaitable[Any]]

calling: ContextVar[str] = ContextVar("calling")


def calls(protocol: type) -> list[str]:
    """Answer the names of the calls that one of the saga's protocols has."""
    return [name for name, member in vars(protocol).items() if inspect.iscoroutinefunction(member)]


class _Unheard(grpc.aio.UnaryUnaryClientInterceptor):
    """Sees answers before the code that waits for them."""

    @override
    async def intercept_unary_unary(
        self, continuation: Call, client_call_details: grpc.aio.ClientCallDetails, request: object
    ) -> Any:
        call = await continuation(client_call_details, request)
        await call
        if reached(f"{calling.get('')} {UNHEARD}"):
            raise PeerFailedError("its answer was lost")
        return call


def _mortal(peer: Any, protocol: type) -> Any:  # noqa: ANN401  # a class that is made here
    """Make a peer that passes the moments of its calls."""

    def connect(self: object, _: grpc.aio.Channel) -> None:
        # Beside a sidecar a callee that is back is called at once; here a channel would wait for a second and more.
        target = os.environ[f"{peer.__name__.upper()}_TARGET"]
        again = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)]
        peer.__init__(self, grpc.aio.insecure_channel(target, options=again, interceptors=[_Unheard()]))

    def passing(name: str, call: Call) -> Call:
        async def made(self: object, *arguments: object) -> object:
            calling.set(name)
            if reached(f"{name} {BEFORE}"):
                raise PeerFailedError("it was not called")
            answer = await call(self, *arguments)
            reached(f"{name} {UNWRITTEN}")
            return answer

        return made

    steps = {name: passing(f"{protocol.__name__}.{name}", getattr(peer, name)) for name in calls(protocol)}
    return type(peer.__name__, (peer,), {"__init__": connect, **steps})


if __name__ == "__main__":
    if os.environ.get("EAGER"):
        orders.RECOVERY_SECONDS, orders.RECOVERY_PASS_SECONDS = 0.2, 0.1
    orders.Inventory = _mortal(Inventory, saga.Stock)  # type: ignore[attr-defined]  # imported there
    orders.Payments = _mortal(Payments, saga.Payments)  # type: ignore[attr-defined]  # imported there
    orders.Shipping = _mortal(Shipping, saga.Shipping)  # type: ignore[attr-defined]  # imported there
    live_again(lambda: serve("orders", orders.register, ERRORS))
