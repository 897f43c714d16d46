"""The lines of the log."""

import json
import logging

from opentelemetry import context, trace

from services.runtime.logs import CallRecord, JsonFormatter
from services.runtime.telemetry import Span
from services.runtime.telemetry.spans import Parent

METHOD = "/shop.catalog.v1.CatalogService/GetProduct"


def test_the_line_of_a_call_is_that_of_any_record_with_the_same_content() -> None:
    formatter = JsonFormatter("catalog", 'a "quoted" version')
    ended = 1_795_000_000.0625
    record = logging.LogRecord("access", logging.INFO, "", 0, "%s %s", (METHOD, "NOT_FOUND"), None)
    vars(record).update(created=ended, method=METHOD, code="NOT_FOUND", duration_ms=12.5)
    span = Span(Parent("5".zfill(32), "7".zfill(16), "01"))
    call = CallRecord(ended, METHOD, "NOT_FOUND", 0.0125, span)
    token = context.attach(trace.set_span_in_context(span))
    try:
        assert formatter.format_call(call) == formatter.format(record)
    finally:
        context.detach(token)
    line = json.loads(formatter.format_call(call))
    assert (line["method"], line["code"], line["duration_ms"]) == (METHOD, "NOT_FOUND", 12.5)
    assert (line["trace_id"], line["span_id"]) == ("5".zfill(32), span.span_id)
    assert line["time"] == "2026-11-18T11:06:40.062+00:00"
