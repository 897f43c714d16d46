"""The service that SERVICE names as it is, but that it answers a share of its unary calls UNAVAILABLE, and notes each.

It does so `before` a call's handler is reached or `after` it has done its work, as FAULTY_WHEN says: to a share of the
attempts (FAULTY_SHARE) at some methods (FAULTY_METHODS: names, with commas) by callers in whose user agent FAULTY_AGENT
stands. Of what is not given, all count. What is drawn comes from one seed, in the sequence of the attempts.
"""

import importlib
import logging
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
from typing_extensions import override

from services.runtime import process, serve
from services.runtime.rpc.interceptor import CallInterceptor, Context, Handler

BEFORE, AFTER = "before", "after"
ATTEMPTS = "attempts"
"""The logger that notes them: `fault` is when one failed; `outcome` how the handler ended, "" if it was not reached."""
SEED = 6

attempts = logging.getLogger(ATTEMPTS)


class FaultyInterceptor(CallInterceptor):
    """Stands around the handlers, within what the runtime does around them: the request was valid."""

    when = os.environ.get("FAULTY_WHEN", BEFORE)
    share = float(os.environ.get("FAULTY_SHARE", "1"))
    methods = tuple(filter(None, os.environ.get("FAULTY_METHODS", "").split(",")))
    agent = os.environ.get("FAULTY_AGENT", "")
    drawn = random.Random(SEED)  # noqa: S311  # no secret

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        async def faulty(details: grpc.HandlerCallDetails) -> Handler:
            handler = await continuation(details)
            if handler is None or handler.unary_unary is None or not details.method.startswith("/shop."):
                return handler
            return grpc.unary_unary_rpc_method_handler(
                self._faulty(details.method, handler.unary_unary),
                handler.request_deserializer,
                handler.response_serializer,
            )

        return await super().intercept_service(faulty, handler_call_details)

    def _faulty(self, method: str, handle: Callable[..., Any]) -> Callable[[Any, Context], Awaitable[object]]:
        async def call(request: Any, context: Context) -> object:  # noqa: ANN401  # any message
            metadata = dict(context.invocation_metadata() or ())
            fault = self.when if self._fails(method, str(metadata["user-agent"])) else ""
            outcome = ""
            try:
                if fault != BEFORE:
                    reply: object = await handle(request, context)
                    outcome = "OK"
            except Exception as error:
                outcome = type(error).__name__
                if not fault:
                    raise
            finally:
                noted = {"method": method, "request_id": getattr(request, "request_id", ""), "fault": fault}
                # Envoy's mark of the caller's call: its retries have the same.
                noted |= {"call": metadata.get("x-request-id", ""), "user_agent": metadata["user-agent"]}
                attempts.info("%s %s", method, fault or outcome, extra={**noted, "outcome": outcome})
            if fault:
                await context.abort(grpc.StatusCode.UNAVAILABLE, f"the test has it fail {fault} its work")
            return reply

        return call

    def _fails(self, method: str, agent: str) -> bool:
        if self.agent not in agent or (self.methods and method.rpartition("/")[2] not in self.methods):
            return False
        return self.drawn.random() < self.share


if __name__ == "__main__":
    process.CallInterceptor = FaultyInterceptor  # type: ignore[attr-defined]  # what `serve` makes its server with
    service = os.environ["SERVICE"]
    root = importlib.import_module(f"services.{service}.__main__")
    serve(service, root.register, root.ERRORS)
