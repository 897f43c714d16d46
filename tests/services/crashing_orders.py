"""orders, unchanged but for crashes and failed calls around each call of its saga.

With EAGER in the environment, recovery starts a fraction of a second after the last fault that a test has requested.
"""

import inspect
import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

import grpc.aio
from typing_extensions import override

from services.orders import saga
from services.orders.__main__ import DEFAULTS, register
from services.orders.error_table import ERRORS
from services.orders.errors import PeerFailedError
from services.orders.peers import Inventory, Payments, Shipping
from services.runtime import serve
from tests.services.crashing import BEFORE, NO_REPLY, NOT_LOGGED, reach, requested_faults, run_and_restart

Call = Callable[..., Awaitable[Any]]

current_call: ContextVar[str] = ContextVar("current_call")


def calls(protocol: type) -> list[str]:
    """Return the names of the calls in one of the saga's protocols."""
    return [name for name, member in vars(protocol).items() if inspect.iscoroutinefunction(member)]


class _LoseReplies(grpc.aio.UnaryUnaryClientInterceptor):
    """Sees each reply before the code that waits for it."""

    @override
    async def intercept_unary_unary(
        self, continuation: Call, client_call_details: grpc.aio.ClientCallDetails, request: object
    ) -> Any:
        call = await continuation(client_call_details, request)
        await call
        if reach(f"{current_call.get('')} {NO_REPLY}"):
            raise PeerFailedError("its reply was lost")
        return call


class _ClockOfRecovery:
    """Stands still until all requested faults have happened.

    Otherwise recovery would take over an order when the machine pauses, and some moments would never be reached.
    """

    def __init__(self) -> None:
        self._read_at, self._seconds = DEFAULTS.recovery_clock(), 0.0

    def __call__(self) -> float:
        """Return the seconds for which it has run."""
        now = DEFAULTS.recovery_clock()
        if not requested_faults():
            self._seconds += now - self._read_at
        self._read_at = now
        return self._seconds


def _crashing(peer: Any, protocol: type) -> Any:  # noqa: ANN401  # a class that is created here
    """Return a subclass of a peer that reaches a moment before and after each call."""

    def connect(self: object, _: grpc.aio.Channel) -> None:
        # A sidecar reaches a restarted callee at once. A plain channel would wait for more than a second.
        target = os.environ[f"{peer.__name__.upper()}_TARGET"]
        options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)]
        peer.__init__(self, grpc.aio.insecure_channel(target, options=options, interceptors=[_LoseReplies()]))

    def crashing_call(name: str, call: Call) -> Call:
        async def run(self: object, *arguments: object) -> object:
            current_call.set(name)
            if reach(f"{name} {BEFORE}"):
                raise PeerFailedError("it was not called")
            reply = await call(self, *arguments)
            reach(f"{name} {NOT_LOGGED}")
            return reply

        return run

    methods = {name: crashing_call(f"{protocol.__name__}.{name}", getattr(peer, name)) for name in calls(protocol)}
    return type(peer.__name__, (peer,), {"__init__": connect, **methods})


if __name__ == "__main__":
    setup = replace(
        DEFAULTS,
        inventory=_crashing(Inventory, saga.Inventory),
        payments=_crashing(Payments, saga.Payments),
        shipping=_crashing(Shipping, saga.Shipping),
    )
    if os.environ.get("EAGER"):
        setup = replace(
            setup, recovery_idle_seconds=0.2, recovery_interval_seconds=0.1, recovery_clock=_ClockOfRecovery()
        )
    run_and_restart(lambda: serve("orders", partial(register, setup=setup), ERRORS))
