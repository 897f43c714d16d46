"""The error table: which exception reaches the caller as which gRPC status, with which google.rpc details.

A refusal always carries google.rpc.ErrorInfo (reason, domain, metadata), so that callers need not read texts. What is
not in the table is a defect of ours: the caller gets INTERNAL and an id to quote, the log the exception under that id.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.runtime.failures import (
    DatabaseBusyError,
    DatabaseUnavailableError,
    StoppingError,
    WriteConflictError,
)
from services.runtime.requests import RequestIdReusedError
from services.runtime.validation import InvalidFieldsError, Violation

# Statuses travel in HTTP/2 headers, and peers bound those (gRPC itself at 8 KiB): a long list is cut, never the call.
MOST_VIOLATIONS = 25

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How one kind of domain error is told: the status, the reason (UPPER_SNAKE_CASE), and details beside ErrorInfo.

    The text is the exception's own. An attribute `metadata` of the exception (str to str) becomes ErrorInfo's.
    """

    code: grpc.StatusCode
    reason: str
    details: Callable[[Any], Iterable[Message]] = lambda _: ()


# What any service may have to say, whatever its business.
COMMON: Mapping[type[Exception], Refusal] = {
    InvalidFieldsError: Refusal(
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", lambda error: [bad_request(error.violations)]
    ),
    RequestIdReusedError: Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        lambda _: [bad_request([Violation("request_id", "was used for another request")])],
    ),
    DatabaseBusyError: Refusal(grpc.StatusCode.UNAVAILABLE, "DATABASE_BUSY"),
    DatabaseUnavailableError: Refusal(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
    StoppingError: Refusal(grpc.StatusCode.UNAVAILABLE, "STOPPING"),
    # Whoever sends the request again, under the same request_id, begins from what is there now.
    WriteConflictError: Refusal(grpc.StatusCode.ABORTED, "WRITE_CONFLICT"),
}

# A peer's failure that says nothing wrong about us passes through, so that the mesh and the caller see what it is.
PASSED_ON = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


class ErrorTable:
    """One service's table: its own refusals and the common ones."""

    def __init__(self, domain: str, refusals: Mapping[type[Exception], Refusal] | None = None) -> None:
        """`domain` is ErrorInfo's, for example "inventory.shop.example"."""
        self._domain = domain
        self._refusals = {**COMMON, **(refusals or {})}

    def status(self, error: Exception) -> status_pb2.Status:
        """Make the status that the caller gets for `error`, and log it if it is a defect."""
        refusal = next((self._refusals[kind] for kind in type(error).__mro__ if kind in self._refusals), None)
        if refusal is not None:
            metadata = getattr(error, "metadata", {})
            return self._status(refusal.code, str(error), refusal.reason, metadata, refusal.details(error))
        if isinstance(error, grpc.aio.AioRpcError) and error.code() in PASSED_ON:
            logger.warning("a peer failed: %s", error.code().name, extra={"peer_details": error.details()})
            return self._status(error.code(), "a service that this call needs did not answer", "DEPENDENCY_FAILED")
        error_id = uuid.uuid4().hex
        logger.error("unexpected %s", type(error).__name__, exc_info=error, extra={"error_id": error_id})
        return self._status(grpc.StatusCode.INTERNAL, f"internal error {error_id}", "INTERNAL", {"error_id": error_id})

    def _status(
        self,
        code: grpc.StatusCode,
        text: str,
        reason: str,
        metadata: Mapping[str, str] | None = None,
        details: Iterable[Message] = (),
    ) -> status_pb2.Status:
        info = error_details_pb2.ErrorInfo(reason=reason, domain=self._domain, metadata=metadata)
        status = status_pb2.Status(code=code.value[0], message=text)
        for detail in (info, *details):
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        return status


def read_details(error: grpc.aio.AioRpcError, *details: Message) -> None:
    """Fill each of `details` from an error of a peer's; what the error does not carry stays empty.

    It carries none if the mesh answered in the peer's place.
    """
    # The stubs of grpcio-status know the synchronous call alone; the error has all that is read.
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    for packed in status.details if status is not None else ():
        for detail in details:
            packed.Unpack(detail)


def bad_request(violations: Iterable[Violation]) -> error_details_pb2.BadRequest:
    """Make the details of a request whose fields offend: the first MOST_VIOLATIONS of them."""
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.description)
            for violation in list(violations)[:MOST_VIOLATIONS]
        ]
    )
