"""The ErrorTable maps exceptions to statuses. The text of any other exception stays inside."""

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.runtime.rpc import ErrorStatus, ErrorTable, read_details
from services.runtime.storage import (
    DatabaseBusyError,
    DatabaseUnavailableError,
    RequestIdReusedError,
    WriteConflictError,
)


class GoneError(Exception):
    """An error of a domain."""

    metadata = {"shelf": "7"}  # noqa: RUF012  # domain errors have it on the instance or on the class


class LongGoneError(GoneError):
    """A subclass that is in no table."""


TABLE = ErrorTable("test.shop.example", {GoneError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "GONE")})


def info(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    detail = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(detail)
    return detail


def bad_request(status: status_pb2.Status) -> list[str]:
    detail = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(detail)
    return [violation.field for violation in detail.field_violations]


@pytest.mark.parametrize("error", [GoneError("the last one is gone"), LongGoneError("the last one is gone")])
def test_the_status_of_a_domain_error_has_its_text_reason_and_metadata(error: Exception) -> None:
    status = TABLE.status(error)
    assert (rpc_status.to_status(status).code, status.message) == (grpc.StatusCode.NOT_FOUND, "the last one is gone")
    assert (info(status).reason, info(status).domain) == ("GONE", "test.shop.example")
    assert dict(info(status).metadata) == {"shelf": "7"}


def test_the_status_of_an_unknown_error_has_only_an_id(caplog: pytest.LogCaptureFixture) -> None:
    status = TABLE.status(ValueError("SELECT secret"))
    assert rpc_status.to_status(status).code == grpc.StatusCode.INTERNAL
    assert b"secret" not in status.SerializeToString()
    (record,) = caplog.records
    assert vars(record)["error_id"] == info(status).metadata["error_id"]
    assert record.exc_info is not None


def test_a_reused_request_id_is_an_invalid_field() -> None:
    status = TABLE.status(RequestIdReusedError("a"))
    assert rpc_status.to_status(status).code == grpc.StatusCode.INVALID_ARGUMENT
    assert bad_request(status) == ["request_id"]


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (DatabaseBusyError(), grpc.StatusCode.UNAVAILABLE, "DATABASE_BUSY"),
        (DatabaseUnavailableError(), grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
        (WriteConflictError(), grpc.StatusCode.ABORTED, "WRITE_CONFLICT"),
    ],
)
def test_a_failed_transaction_has_a_status_that_allows_a_retry(
    error: Exception, code: grpc.StatusCode, reason: str
) -> None:
    status = TABLE.status(error)
    assert (rpc_status.to_status(status).code, info(status).reason) == (code, reason)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.DEADLINE_EXCEEDED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INTERNAL),
        (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL),
    ],
)
def test_only_temporary_failures_of_a_callee_are_passed_on(code: grpc.StatusCode, expected: grpc.StatusCode) -> None:
    status = TABLE.status(grpc.aio.AioRpcError(code, details="10.0.0.7:50051 refused"))
    assert rpc_status.to_status(status).code == expected
    assert "10.0.0.7" not in status.message


@pytest.mark.parametrize(
    ("code", "reason"), [(grpc.StatusCode.NOT_FOUND, "GONE"), (grpc.StatusCode.RESOURCE_EXHAUSTED, "")]
)
def test_details_are_read_only_if_they_belong_to_the_status(code: grpc.StatusCode, reason: str) -> None:
    # gRPC replaces the code of a status that is too large, and leaves the details.
    details = TABLE.status(GoneError("gone")).SerializeToString()
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", details))
    error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, "gone")
    read = error_details_pb2.ErrorInfo()
    read_details(error, read)
    assert read.reason == reason
