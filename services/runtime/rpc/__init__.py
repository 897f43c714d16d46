"""Calls: errors, validation, deadlines, paging, and conversions between contract messages and plain values."""

from services.runtime.rpc.deadlines import before_deadline
from services.runtime.rpc.errors import ErrorStatus, ErrorTable, bad_request, read_details
from services.runtime.rpc.money import from_cents, set_cents, to_cents
from services.runtime.rpc.names import InvalidResourceNameError, parse_resource_name, resource_id
from services.runtime.rpc.paging import Page, read_page
from services.runtime.rpc.principal import principal
from services.runtime.rpc.reflection import add_reflection
from services.runtime.rpc.requests import request_key
from services.runtime.rpc.timestamps import from_timestamp, to_timestamp
from services.runtime.rpc.validation import InvalidFieldsError, Violation

__all__ = [
    "ErrorStatus",
    "ErrorTable",
    "InvalidFieldsError",
    "InvalidResourceNameError",
    "Page",
    "Violation",
    "add_reflection",
    "bad_request",
    "before_deadline",
    "from_cents",
    "from_timestamp",
    "parse_resource_name",
    "principal",
    "read_details",
    "read_page",
    "request_key",
    "resource_id",
    "set_cents",
    "to_cents",
    "to_timestamp",
]
