"""The error table of both versions: each exception of `errors.py` that reaches a caller, and its gRPC status."""

import grpc
from google.rpc import error_details_pb2

from services.orders import errors
from services.runtime.rpc import ErrorStatus, ErrorTable, Violation, bad_request

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def _product_violations(error: errors.UnknownProductsError) -> list[error_details_pb2.BadRequest]:
    return [bad_request(Violation(f"items[{index}].product", "is not for sale") for index in error.positions)]


def _items_violation(
    error: errors.MixedCurrenciesError | errors.TotalTooLargeError,
) -> list[error_details_pb2.BadRequest]:
    return [bad_request([Violation("items", str(error))])]


def _region_violation(error: errors.RegionNotServedError) -> list[error_details_pb2.BadRequest]:
    return [bad_request([Violation("shipping_address.region_code", str(error))])]


ERRORS = ErrorTable(
    "orders.shop.example",
    {
        errors.OrderNotFoundError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND"),
        errors.NotYourCustomerError: ErrorStatus(grpc.StatusCode.PERMISSION_DENIED, "CUSTOMER_NOT_YOURS"),
        errors.OrderStateError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "ORDER_WRONG_STATE"),
        errors.TooManyWatchesError: ErrorStatus(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHES"),
        errors.OrderNotParkedError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "ORDER_NOT_PARKED"),
        errors.UnknownProductsError: ErrorStatus(INVALID, "INVALID_FIELDS", _product_violations),
        errors.MixedCurrenciesError: ErrorStatus(INVALID, "INVALID_FIELDS", _items_violation),
        errors.TotalTooLargeError: ErrorStatus(INVALID, "INVALID_FIELDS", _items_violation),
        errors.RegionNotServedError: ErrorStatus(INVALID, "INVALID_FIELDS", _region_violation),
        errors.CatalogUnavailableError: ErrorStatus(grpc.StatusCode.UNAVAILABLE, "CATALOG_UNAVAILABLE"),
        errors.ShippingUnavailableError: ErrorStatus(grpc.StatusCode.UNAVAILABLE, "SHIPPING_UNAVAILABLE"),
    },
)
