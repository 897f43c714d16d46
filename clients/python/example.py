"""Logs in, lists products, places an order, and shows how an invalid request is refused.

It has no retries and no timeouts. The mesh behind the gateway has both, as each contract says. If
OTEL_EXPORTER_OTLP_ENDPOINT is set, its calls are spans.
"""

import os
import uuid
from typing import cast

import grpc
from google.rpc import error_details_pb2
from google.type import money_pb2
from grpc_status import rpc_status
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from shop.identity.v1 import identity_pb2, identity_pb2_grpc
from shop.orders.v2 import orders_pb2, orders_pb2_grpc


def main() -> None:
    """Run the example."""
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
        trace_calls()
    span = trace.get_tracer("example").start_as_current_span("example")
    with span, grpc.insecure_channel(os.environ.get("MESH_GATEWAY", "localhost:8080")) as channel:
        metadata = (("authorization", f"Bearer {log_in(channel)}"),)
        print("logged in")

        catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        for product in catalog.ListProducts(catalog_pb2.ListProductsRequest(page_size=3)).products:
            print(f"{product.name}: {product.display_name}, {amount(product.price)}")

        orders = orders_pb2_grpc.OrdersServiceStub(channel)
        request = orders_pb2.PlaceOrderRequest(
            request_id=str(uuid.uuid4()),
            customer="customers/me",
            items=[orders_pb2.PlaceOrderItem(product="products/p-0031", quantity=2)],
            payment_token="tok_visa",
            pickup=orders_pb2.Pickup(),
        )
        order = orders.PlaceOrder(request, metadata=metadata).order
        print(f"placed {order.name}: {orders_pb2.Order.State.Name(order.state)}, {amount(order.costs.total)}")

        try:
            orders.PlaceOrder(orders_pb2.PlaceOrderRequest(customer="ada", items=request.items), metadata=metadata)
        except grpc.RpcError as error:
            print_refusal(cast("grpc.Call", error))  # the error of a call is the call as well


def trace_calls() -> None:
    """Export a span for each call on channels that are opened from now on. The last ones are sent at the exit."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    GrpcInstrumentorClient().instrument()  # type: ignore[no-untyped-call]


def log_in(channel: grpc.Channel) -> str:
    """Create a user, and return an access token for it."""
    identity = identity_pb2_grpc.IdentityServiceStub(channel)
    user = identity_pb2.User(email=f"{uuid.uuid4()}@shop.example", display_name="Ada")
    password = str(uuid.uuid4())
    identity.CreateUser(identity_pb2.CreateUserRequest(request_id=str(uuid.uuid4()), user=user, password=password))
    return identity.IssueToken(identity_pb2.IssueTokenRequest(email=user.email, password=password)).access_token


def print_refusal(error: grpc.Call) -> None:
    """Print the details of an error: its reason, and each invalid field."""
    status = rpc_status.from_call(error)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details if status else []:
        if detail.Unpack(info):
            print(f"refused by the server, {info.reason}:")
        elif detail.Unpack(bad):
            for violation in bad.field_violations:
                print(f"  {violation.field} {violation.description}")


def amount(money: money_pb2.Money) -> str:
    """Format an amount of money, such as "8.90 EUR"."""
    return f"{money.units + money.nanos / 1e9:.2f} {money.currency_code}"


if __name__ == "__main__":
    main()
