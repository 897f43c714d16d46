"""Between the contract's messages and the domain: requests are read, replies are written."""

from services.analytics.domain import Line, Period, Sale, State, Summary
from services.runtime.rpc import from_cents, from_timestamp, to_timestamp
from shop.analytics.v1 import analytics_pb2 as pb


def read_period(request: pb.GetSalesSummaryRequest) -> Period:
    """Answer the period that is asked for."""
    return Period(
        from_timestamp(request.start_time) if request.HasField("start_time") else None,
        from_timestamp(request.end_time) if request.HasField("end_time") else None,
    )


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
        latest_event_time=None if latest is None else to_timestamp(latest),
    )


def write_sale(sale: Sale) -> pb.Sale:
    """Make the message of an order as it is counted."""
    return pb.Sale(
        name=f"sales/{sale.id}",
        order=f"orders/{sale.id}",
        state=pb.Sale.State.Value(f"STATE_{sale.state.value}"),
        total=from_cents(sale.total_cents, sale.currency),
        products=map(_write_line, sale.lines),
        place_time=to_timestamp(sale.place_time),
        event_time=to_timestamp(sale.event_time),
    )


def _write_line(line: Line) -> pb.ProductSales:
    return pb.ProductSales(product=f"products/{line.product}", display_name=line.display_name, quantity=line.quantity)
