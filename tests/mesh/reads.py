"""A valid request for each unary method that is not in WRITES. The resource in it may not exist."""

from google.protobuf.message import Message

from shop.analytics.v1 import analytics_pb2
from shop.catalog.v1 import catalog_pb2
from shop.identity.v1 import identity_pb2
from shop.inventory.v1 import inventory_pb2
from shop.notifications.v1 import notifications_pb2
from shop.orders.v1 import orders_pb2
from shop.orders.v2 import orders_pb2 as orders_v2
from shop.payments.v1 import payments_pb2
from shop.shipping.v1 import shipping_pb2
from tests.support.shop import new_id

READS: list[Message] = [
    analytics_pb2.GetSalesSummaryRequest(),
    analytics_pb2.ListSalesRequest(),
    catalog_pb2.GetProductRequest(name="products/p-0001"),
    catalog_pb2.BatchGetProductsRequest(names=["products/p-0001"]),
    catalog_pb2.ListProductsRequest(),
    identity_pb2.GetUserRequest(name="users/nobody"),
    identity_pb2.IssueTokenRequest(email="nobody@shop.example", password=new_id()),
    identity_pb2.ChangePasswordRequest(
        request_id=new_id(), email="nobody@shop.example", current_password=new_id(), new_password=new_id()
    ),
    identity_pb2.RotateKeysRequest(request_id=new_id()),
    identity_pb2.GetJwksRequest(),
    inventory_pb2.GetStockRequest(name="stocks/p-0001"),
    inventory_pb2.ListStocksRequest(),
    inventory_pb2.ListDemandsRequest(),
    inventory_pb2.GetReservationRequest(name="reservations/none"),
    inventory_pb2.ListReservationsRequest(),
    notifications_pb2.ListNotificationsRequest(customer="customers/-"),
    orders_pb2.GetOrderRequest(name="orders/none"),
    orders_pb2.ListOrdersRequest(customer="customers/ada"),
    orders_pb2.ResumeOrderRequest(request_id=new_id(), name="orders/none"),
    orders_v2.GetOrderRequest(name="orders/none"),
    orders_v2.ListOrdersRequest(customer="customers/ada"),
    payments_pb2.GetPaymentRequest(name="payments/none"),
    payments_pb2.ListPaymentsRequest(),
    shipping_pb2.QuoteShippingRequest(region_code="DE", pieces=1, currency_code="EUR"),
    shipping_pb2.GetShipmentRequest(name="shipments/none"),
    shipping_pb2.ListShipmentsRequest(),
]
