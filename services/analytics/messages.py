"""Between the contract's messages and the domain: requests are checked and read, replies are written."""

from datetime import UTC, datetime

from google.protobuf.message import Message

from services.analytics.domain import Line, Period, Sale, State, Summary
from services.runtime import Check
from services.runtime.instants import timestamp
from services.runtime.money import from_cents
from services.runtime.paging import Page, read_page
from shop.analytics.v1 import analytics_pb2 as pb


def read_period(request: pb.GetSalesSummaryRequest) -> Period:
    """Answer the period that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        start, end = (_time(check, request, field) for field in ("start_time", "end_time"))
        if start is not None and end is not None:
            check.that("end_time", "must be later than start_time", holds=start < end)
    return Period(start, end)


def read_list(request: pb.ListSalesRequest) -> Page:
    """Answer the page that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return read_page(check, request.page_size, request.page_token, "sales")


def write_summary(summary: Summary) -> pb.SalesSummary:
    """Make the message of a period's figures."""
    latest = summary.latest_event_time
    return pb.SalesSummary(
        placed_orders=sum(summary.counts.values()),
        confirmed_orders=summary.counts[State.CONFIRMED],
        rejected_orders=summary.counts[State.REJECTED],
        cancelled_orders=summary.counts[State.CANCELLED],
        revenue=[from_cents(cents, currency) for currency, cents in summary.revenue.items()],
        top_products=map(_write_line, summary.top),
        latest_event_time=None if latest is None else timestamp(latest),
    )


def write_sale(sale: Sale) -> pb.Sale:
    """Make the message of an order as it is counted."""
    return pb.Sale(
        name=f"sales/{sale.id}",
        order=f"orders/{sale.id}",
        state=pb.Sale.State.Value(f"STATE_{sale.state.value}"),
        total=from_cents(sale.total_cents, sale.currency),
        products=map(_write_line, sale.lines),
        place_time=timestamp(sale.place_time),
        event_time=timestamp(sale.event_time),
    )


def _write_line(line: Line) -> pb.ProductSales:
    return pb.ProductSales(product=f"products/{line.product}", display_name=line.display_name, quantity=line.quantity)


def _time(check: Check, request: Message, field: str) -> datetime | None:
    if not request.HasField(field):
        return None
    try:
        time: datetime = getattr(request, field).ToDatetime(UTC)
    except (ValueError, OverflowError):
        check.that(field, "must be a time of the years 1 to 9999", holds=False)
        return None
    return time
