"""Helpers of all checks."""

import uuid

import grpc

from tests.support.errors import Refused

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


def new_id() -> str:
    """Return a new unique id."""
    return str(uuid.uuid4())


def status_of(error: Refused) -> tuple[grpc.StatusCode, str]:
    """Return the code and the reason of an error, which callers rely on."""
    return error.code, error.reason
