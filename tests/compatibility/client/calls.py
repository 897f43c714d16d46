"""What every round needs."""

import uuid

import grpc

from tests.services.refusals import Refused

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


def new_id() -> str:
    """Answer an id that nobody has used."""
    return str(uuid.uuid4())


def kind(error: Refused) -> tuple[grpc.StatusCode, str]:
    """Answer what programs go by."""
    return error.code, error.reason
