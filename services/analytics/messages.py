"""Converts requests to domain values, and domain values to messages."""

from collections.abc import Sequence

from services.analytics.domain import Period, ProductSales, Sale, State, Summary
from services.runtime.rpc import Page, from_cents, from_timestamp, to_timestamp
from shop.analytics.v1 import analytics_pb2 as pb


def read_period(request: pb.GetSalesSummaryRequest) -> Period:
    """Convert the period of a request."""
    return Period(
        from_timestamp(request.start_time) if request.HasField("start_time") else None,
        from_timestamp(request.end_time) if request.HasField("end_time") else None,
    )


def write_summary(summary: Summary) -> pb.SalesSummary:
    """Convert the figures of a period to their message."""
    latest = summary.latest_event_time
    return pb.SalesSummary(
        placed_orders=sum(summary.counts.values()),
        confirmed_orders=summary.counts[State.CONFIRMED],
        rejected_orders=summary.counts[State.REJECTED],
        cancelled_orders=summary.counts[State.CANCELLED],
        revenue=[from_cents(cents, currency) for currency, cents in summary.revenue.items()],
        top_products=map(_write_product, summary.top_products),
        latest_event_time=None if latest is None else to_timestamp(latest),
    )


def write_sale(sale: Sale) -> pb.Sale:
    """Convert a sale to its message."""
    return pb.Sale(
        name=f"sales/{sale.id}",
        order=f"orders/{sale.id}",
        state=pb.Sale.State.Value(f"STATE_{sale.state.value}"),
        total=from_cents(sale.total_cents, sale.currency),
        products=map(_write_product, sale.products),
        place_time=to_timestamp(sale.place_time),
        event_time=to_timestamp(sale.event_time),
    )


def write_list(sales: Sequence[Sale], page: Page) -> pb.ListSalesResponse:
    """Build the response of a list, with the token of the next page."""
    messages, token = page.cut(sales, key=lambda sale: sale.id, write=write_sale)
    return pb.ListSalesResponse(sales=messages, next_page_token=token)


def _write_product(sales: ProductSales) -> pb.ProductSales:
    return pb.ProductSales(
        product=f"products/{sales.product}", display_name=sales.display_name, quantity=sales.quantity
    )
