"""A status of any content fits in the headers that every client accepts, and counts what was omitted."""

from base64 import b64encode
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain import InsufficientStockError, Shortage
from services.inventory.servicer import ERRORS as INVENTORY
from services.runtime.rpc import ErrorStatus, ErrorTable, InvalidFieldsError, Violation
from services.runtime.rpc.status import MAX_STATUS_BYTES

TEXT = st.text(max_size=2000)


class LongError(Exception):
    """An error of a domain, with as much as a test puts into it."""

    def __init__(self, text: str, names: list[str], violations: list[Violation]) -> None:
        super().__init__(text)
        self.metadata = {"state": "HELD", "names": names}
        self.violations = violations


def shortages(error: LongError) -> list[error_details_pb2.PreconditionFailure]:
    failure = error_details_pb2.PreconditionFailure()
    for violation in error.violations:
        failure.violations.add(type="STOCK", subject=violation.field, description=violation.description)
    return [failure]


TABLE = ErrorTable("test.shop.example", {LongError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "GONE", shortages)})


def sent_bytes(status: status_pb2.Status) -> int:
    """Return the size of the two headers' values as gRPC sends them."""
    sent = rpc_status.to_status(status)
    [(_, details)] = sent.trailing_metadata
    assert isinstance(details, bytes)
    return len(quote(sent.details, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}~")) + len(b64encode(details))


def info(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    detail = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(detail)
    return detail


@given(TEXT, st.lists(st.text(max_size=80), max_size=200), st.lists(st.builds(Violation, TEXT, TEXT), max_size=60))
def test_a_status_of_any_content_fits_and_keeps_its_reason(
    text: str, names: list[str], violations: list[Violation]
) -> None:
    status = TABLE.status(LongError(text, names, violations))
    assert sent_bytes(status) <= MAX_STATUS_BYTES
    assert (info(status).reason, info(status).metadata["state"]) == ("GONE", "HELD")
    failure = error_details_pb2.PreconditionFailure()
    assert status.details[1].Unpack(failure)
    kept_names = [] if not info(status).metadata["names"] else names
    omitted = int(info(status).metadata.get("omitted_details", "0"))
    assert [violation.subject for violation in failure.violations] == [
        violation.field for violation in violations[: len(failure.violations)]
    ]
    assert omitted >= len(violations) - len(failure.violations)
    if omitted == 0:
        assert info(status).metadata["names"] == ",".join(kept_names)


def test_an_error_that_is_small_enough_is_complete() -> None:
    status = TABLE.status(LongError("gone", ["a", "b"], [Violation("c", "d")]))
    assert status.message == "gone"
    assert dict(info(status).metadata) == {"state": "HELD", "names": "a,b"}


def test_the_names_and_the_violations_that_do_not_fit_are_counted() -> None:
    names = [f"products/{number:064}" for number in range(100)]
    status = TABLE.status(LongError("gone", names, []))
    kept = info(status).metadata["names"].split(",")
    assert kept == names[: len(kept)]
    assert int(info(status).metadata["omitted_details"]) == len(names) - len(kept)
    assert len(kept) > 50, "an order has 50 products at most: orders needs each unknown one"


@pytest.mark.parametrize("character", ["x", "é", "😀", "%"])
def test_a_long_text_is_cut_between_characters(character: str) -> None:
    status = TABLE.status(LongError(character * 2000, [], []))
    assert status.message.strip(character) == "…"
    assert len(status.message) > 60


def test_of_a_large_request_without_any_valid_field_the_first_ones_are_listed() -> None:
    violations = [Violation(f"lines[{number}]", "must be 1 to 9") for number in range(1000)]
    status = TABLE.status(InvalidFieldsError(violations))
    detail = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(detail)
    fields = [violation.field for violation in detail.field_violations]
    assert fields == [f"lines[{number}]" for number in range(len(fields))]
    assert len(fields) > 50
    assert int(info(status).metadata["omitted_details"]) == 1000 - len(fields)


def test_the_text_of_insufficient_stock_names_five_products() -> None:
    error = InsufficientStockError([Shortage(f"p-{number}", 2, 1) for number in range(50)])
    assert INVENTORY.status(error).message == "not enough pieces in stock of p-0, p-1, p-2, p-3, p-4 and 45 more"
