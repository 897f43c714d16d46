"""The service that SERVICE names, except that it returns UNAVAILABLE for a share of its unary calls and logs each call.

It fails `before` or `after` the handler has run (FAULTY_WHEN). FAULTY_SHARE is the share of attempts that fail,
FAULTY_METHODS the methods (names, with commas), FAULTY_AGENT a part of the caller's user agent. A filter that is not
set matches everything. Which attempts fail follows from one seed.
"""

import importlib
import logging
import os
import random
from typing import Any

import grpc.aio
from typing_extensions import override

from services.runtime import serve
from services.runtime.rpc.interceptor import Context
from tests.support.unary_interceptor import Method, UnaryInterceptor

BEFORE, AFTER = "before", "after"
ATTEMPTS = "attempts"
"""The logger of all attempts. `fault` says when one failed, `outcome` how the handler ended ("" if it did not run)."""
SEED = 6

attempts = logging.getLogger(ATTEMPTS)


class FaultyInterceptor(UnaryInterceptor):
    """Fails a share of the calls, and logs each."""

    when = os.environ.get("FAULTY_WHEN", BEFORE)
    share = float(os.environ.get("FAULTY_SHARE", "1"))
    methods = tuple(filter(None, os.environ.get("FAULTY_METHODS", "").split(",")))
    agent = os.environ.get("FAULTY_AGENT", "")
    random = random.Random(SEED)  # noqa: S311  # no secret

    @override
    def wrap(self, path: str, method: Method) -> Method:
        async def call(request: Any, context: Context) -> object:  # noqa: ANN401  # any message
            metadata = dict(context.invocation_metadata() or ())
            fault = self.when if self._fails(path, str(metadata["user-agent"])) else ""
            outcome = ""
            try:
                if fault != BEFORE:
                    reply: object = await method(request, context)
                    outcome = "OK"
            except Exception as error:
                outcome = type(error).__name__
                if not fault:
                    raise
            finally:
                fields = {"method": path, "request_id": getattr(request, "request_id", ""), "fault": fault}
                # Envoy sets it: all retries of a call have the same.
                fields |= {"call": metadata.get("x-request-id", ""), "user_agent": metadata["user-agent"]}
                attempts.info("%s %s", path, fault or outcome, extra={**fields, "outcome": outcome})
            if fault:
                await context.abort(grpc.StatusCode.UNAVAILABLE, f"the test makes it fail {fault} its work")
            return reply

        return call

    def _fails(self, path: str, agent: str) -> bool:
        if self.agent not in agent or (self.methods and path.rpartition("/")[2] not in self.methods):
            return False
        return self.random.random() < self.share


if __name__ == "__main__":
    service = os.environ["SERVICE"]
    root = importlib.import_module(f"services.{service}.__main__")
    serve(service, root.register, root.ERRORS, [FaultyInterceptor()])
