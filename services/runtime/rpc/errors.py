"""The error table: which exception reaches the caller as which gRPC status, with which google.rpc details.

Every error carries google.rpc.ErrorInfo (reason, domain, metadata), so that callers need not parse texts. An exception
that is not in the table is a bug: the caller gets INTERNAL and an id to quote, the log has the exception with that id.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.runtime.rpc.status import Metadata, build_status
from services.runtime.rpc.streams import StoppingError
from services.runtime.rpc.validation import InvalidFieldsError, Violation
from services.runtime.storage.failures import DatabaseBusyError, DatabaseUnavailableError, WriteConflictError
from services.runtime.storage.idempotency import RequestIdReusedError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """The gRPC status of one exception: its code, its reason (UPPER_SNAKE_CASE), and details besides ErrorInfo.

    The message is the exception's text. An attribute `metadata` of the exception becomes ErrorInfo's: str to str, or to
    a list of str, which is joined with commas.
    """

    code: grpc.StatusCode
    reason: str
    details: Callable[[Any], Iterable[Message]] = lambda _: ()


# The errors that every service may return.
COMMON: Mapping[type[Exception], ErrorStatus] = {
    InvalidFieldsError: ErrorStatus(
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", lambda error: [bad_request(error.violations)]
    ),
    RequestIdReusedError: ErrorStatus(
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        lambda _: [bad_request([Violation("request_id", "was used for another request")])],
    ),
    DatabaseBusyError: ErrorStatus(grpc.StatusCode.UNAVAILABLE, "DATABASE_BUSY"),
    DatabaseUnavailableError: ErrorStatus(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
    StoppingError: ErrorStatus(grpc.StatusCode.UNAVAILABLE, "STOPPING"),
    # A caller that sends the request again, with the same request_id, starts from the state as it is then.
    WriteConflictError: ErrorStatus(grpc.StatusCode.ABORTED, "WRITE_CONFLICT"),
}

# A peer's failure with one of these codes is not our bug. It is passed on, so that the mesh and the caller can react.
PASSED_ON = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


class ErrorTable:
    """The errors of one service: its own and the common ones."""

    def __init__(self, domain: str, statuses: Mapping[type[Exception], ErrorStatus] | None = None) -> None:
        """Create a table. `domain` is ErrorInfo's, for example "inventory.shop.example"."""
        self._domain = domain
        self._statuses = {**COMMON, **(statuses or {})}

    def status(self, error: Exception) -> status_pb2.Status:
        """Return the status that the caller gets for `error`. Logs the error if it is a bug."""
        entry = next((self._statuses[kind] for kind in type(error).__mro__ if kind in self._statuses), None)
        if entry is not None:
            metadata = getattr(error, "metadata", {})
            return self._status(entry.code, str(error), entry.reason, metadata, entry.details(error))
        if isinstance(error, grpc.aio.AioRpcError) and error.code() in PASSED_ON:
            logger.warning("a peer failed: %s", error.code().name, extra={"peer_details": error.details()})
            return self._status(error.code(), "a service that this call needs did not respond", "DEPENDENCY_FAILED")
        error_id = uuid.uuid4().hex
        logger.error("unexpected %s", type(error).__name__, exc_info=error, extra={"error_id": error_id})
        return self._status(grpc.StatusCode.INTERNAL, f"internal error {error_id}", "INTERNAL", {"error_id": error_id})

    def _status(
        self,
        code: grpc.StatusCode,
        text: str,
        reason: str,
        metadata: Metadata | None = None,
        details: Iterable[Message] = (),
    ) -> status_pb2.Status:
        info = error_details_pb2.ErrorInfo(reason=reason, domain=self._domain)
        return build_status(code, text, info, metadata or {}, details)


def read_details(error: grpc.aio.AioRpcError, *details: Message) -> None:
    """Fill each of `details` from a peer's error. A detail that the error does not carry stays empty.

    An error that the mesh or gRPC itself returned in the peer's place carries none, or those of another status.
    """
    try:
        # The stubs of grpcio-status only know synchronous calls; the error has everything that is read.
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
    except ValueError:
        return
    for packed in status.details if status is not None else ():
        for detail in details:
            packed.Unpack(detail)


def bad_request(violations: Iterable[Violation]) -> error_details_pb2.BadRequest:
    """Return the details of a request with invalid fields."""
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.description)
            for violation in violations
        ]
    )
