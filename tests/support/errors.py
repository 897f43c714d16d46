"""The errors of calls as a caller sees them, with all their details."""

from collections.abc import Awaitable
from dataclasses import dataclass

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


@dataclass(frozen=True)
class Refused:
    """An error as a caller sees it: `fields` are BadRequest's, `subjects` PreconditionFailure's."""

    code: grpc.StatusCode
    text: str
    reason: str
    domain: str
    metadata: dict[str, str]
    fields: list[str]
    subjects: list[str]


async def refused(call: Awaitable[object]) -> Refused:
    """Await a call that must fail, and read its error with all details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = caught.value
    # The types of grpcio-status only know synchronous calls; the error has all attributes that are read.
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None, f"{error.code()} has no details: {error.details()}"
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    failure = error_details_pb2.PreconditionFailure()
    for detail in status.details:
        assert detail.Unpack(info) or detail.Unpack(bad) or detail.Unpack(failure), detail.type_url
    return Refused(
        code=error.code(),
        text=error.details() or "",
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        fields=[violation.field for violation in bad.field_violations],
        subjects=[violation.subject for violation in failure.violations],
    )
