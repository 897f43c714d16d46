"""Edits of the contracts, each with the expected report of `make breaking`."""

from dataclasses import dataclass

ANALYTICS, CATALOG, INVENTORY, ORDERS, PAYMENTS, SHIPPING = (
    f"proto/shop/{context}/v1/{context}.proto"
    for context in ("analytics", "catalog", "inventory", "orders", "payments", "shipping")
)
EVENTS = "proto/shop/orders/v1/events.proto"
RULES = "proto/shop/rules/v1/rules.proto"
EVENT_USERS = "analytics, inventory, notifications, operator, orders"
"""The producer and the consumers of the events of orders."""


@dataclass(frozen=True)
class Break:
    """A breaking edit, with the changed element, the level and the consumers."""

    file: str
    old: str
    new: str
    subject: str
    level: str
    consumers: str


@dataclass(frozen=True)
class Addition:
    """A compatible edit, with its line in the report, if any."""

    file: str
    old: str
    new: str
    note: str = ""


BREAKS = {
    "field removed": Break(
        CATALOG,
        "  bool discontinued = 6;\n",
        "",
        "shop.catalog.v1.Product.discontinued",
        "wire",
        "operator, orders, outside",
    ),
    "field removed, its number and name reserved": Break(
        PAYMENTS,
        "  google.protobuf.Timestamp update_time = 6;\n",
        '  reserved 6;\n  reserved "update_time";\n',
        "shop.payments.v1.Payment.update_time",
        "source",
        "operator, orders",
    ),
    "field of a request renamed": Break(
        ORDERS,
        "  bool parked_only = 4;",
        "  bool parked = 4;",
        "shop.orders.v1.ListOrdersRequest.parked_only",
        "JSON",
        "operator, outside",
    ),
    "type of a field changed": Break(
        SHIPPING,
        "  int32 delivery_days = 2;",
        "  string delivery_days = 2;",
        "shop.shipping.v1.Quote.delivery_days",
        "wire",
        "orders",
    ),
    "field made a list": Break(
        INVENTORY,
        "  string reference = 6;",
        "  repeated string reference = 6;",
        "shop.inventory.v1.Reservation.reference",
        "wire",
        "operator, orders",
    ),
    "enum value renamed": Break(
        PAYMENTS,
        "STATE_VOIDED = 3;",
        "STATE_LET_GO = 3;",
        "shop.payments.v1.Payment.State.STATE_VOIDED",
        "JSON",
        "operator, orders",
    ),
    "method removed": Break(
        INVENTORY,
        "rpc GetStock(",
        "rpc FindStock(",
        "shop.inventory.v1.InventoryService/GetStock",
        "wire",
        "operator, outside",
    ),
    "response type of a method changed": Break(
        SHIPPING,
        "rpc CancelShipment(CancelShipmentRequest) returns (CancelShipmentResponse)",
        "rpc CancelShipment(CancelShipmentRequest) returns (GetShipmentResponse)",
        "shop.shipping.v1.ShippingService/CancelShipment",
        "wire",
        "orders",
    ),
    "stream changed to a single response": Break(
        ORDERS,
        "returns (stream WatchOrderResponse)",
        "returns (WatchOrderResponse)",
        "shop.orders.v1.OrdersService/WatchOrder",
        "wire",
        "outside",
    ),
    "event renamed": Break(
        EVENTS,
        "message OrderCancelled {",
        "message OrderUndone {",
        "shop.orders.v1.OrderCancelled",
        "wire",
        EVENT_USERS,
    ),
    "field of an event renumbered": Break(
        EVENTS,
        "  // The order at that time: PENDING.\n  Order order = 1;",
        "  // The order at that time: PENDING.\n  Order order = 2;",
        "shop.orders.v1.OrderPlaced.order",
        "wire",
        EVENT_USERS,
    ),
    "field of a message in events": Break(
        ORDERS,
        "  // How many pieces.\n  int32 quantity = 3;",
        "  // How many pieces.\n  int64 quantity = 3;",
        "shop.orders.v1.OrderItem.quantity",
        "JSON",
        f"{EVENT_USERS}, outside",
    ),
    "method closed to the public": Break(
        CATALOG,
        "    option (mesh.options.v1.method) = {audience: AUDIENCE_ANYONE};\n"
        '    option (google.api.http) = {get: "/v1/{name',
        '    option (google.api.http) = {get: "/v1/{name',
        "shop.catalog.v1.CatalogService/GetProduct",
        "behaviour",
        "outside",
    ),
    "role required": Break(
        ORDERS,
        "    option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN};\n"
        '    option (google.api.http) = {get: "/v1/orders"};',
        '    option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN, roles: ["clerk"]};\n'
        '    option (google.api.http) = {get: "/v1/orders"};',
        "shop.orders.v1.OrdersService/ListOrders",
        "behaviour",
        "outside",
    ),
    "timeout shortened": Break(
        ORDERS,
        "timeout: {seconds: 14}",
        "timeout: {seconds: 5}",
        "shop.orders.v1.OrdersService/PlaceOrder",
        "behaviour",
        "outside",
    ),
    "weaker idempotency": Break(
        PAYMENTS,
        "rpc VoidPayment(VoidPaymentRequest) returns (VoidPaymentResponse) {\n"
        "    option idempotency_level = IDEMPOTENT;",
        "rpc VoidPayment(VoidPaymentRequest) returns (VoidPaymentResponse) {\n"
        "    option idempotency_level = IDEMPOTENCY_UNKNOWN;",
        "shop.payments.v1.PaymentsService/VoidPayment",
        "behaviour",
        "orders",
    ),
    "REST path changed": Break(
        CATALOG,
        '"/v1/products:batchGet"',
        '"/v1/products:get"',
        "shop.catalog.v1.CatalogService/BatchGetProducts",
        "JSON",
        "outside",
    ),
    "smaller maximum": Break(
        ORDERS,
        "(buf.validate.field).int32.(shop.rules.v1.count) = 1000",
        "(buf.validate.field).int32.(shop.rules.v1.count) = 100",
        "shop.orders.v1.PlaceOrderItem.quantity",
        "behaviour",
        "outside",
    ),
    "value no longer accepted": Break(
        PAYMENTS,
        "this.currency_code in ['EUR', 'GBP', 'USD']",
        "this.currency_code in ['EUR', 'GBP']",
        "shop.payments.v1.AuthorizePaymentRequest.amount",
        "behaviour",
        "orders",
    ),
    "new required field": Break(
        SHIPPING,
        "  string reference = 5 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 128];\n",
        "  string reference = 5 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 128];\n"
        "  string carrier = 6 [(buf.validate.field).string.(shop.rules.v1.text) = 20];\n",
        "shop.shipping.v1.BookShipmentRequest.carrier",
        "behaviour",
        "orders",
    ),
    "rule of a whole request": Break(
        PAYMENTS,
        "message AuthorizePaymentRequest {\n",
        "message AuthorizePaymentRequest {\n"
        "  option (buf.validate.message).cel = {\n"
        '    id: "this.reference"\n'
        '    message: "must be set"\n'
        "    expression: \"this.reference != ''\"\n"
        "  };\n",
        "shop.payments.v1.AuthorizePaymentRequest",
        "behaviour",
        "orders",
    ),
    "rule of many fields": Break(
        RULES,
        "^[A-Za-z0-9_.:-]{1,64}$",
        "^[A-Za-z0-9_.:-]{1,36}$",
        "shop.rules.v1.request_id",
        "behaviour",
        "operator, orders, outside",
    ),
}

ADDITIONS = {
    "field": Addition(
        CATALOG,
        "  bool discontinued = 6;\n",
        "  bool discontinued = 6;\n  int32 weight_grams = 15;\n",
        "added: field shop.catalog.v1.Product.weight_grams",
    ),
    "optional field of a request": Addition(
        SHIPPING,
        "  string reference = 5 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 128];\n",
        "  string reference = 5 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 128];\n"
        "  string carrier = 6 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 20];\n",
        "added: field shop.shipping.v1.BookShipmentRequest.carrier",
    ),
    "fields in another order": Addition(
        SHIPPING,
        "  string recipient = 1 [\n    (google.api.field_behavior) = REQUIRED,\n    debug_redact = true,\n",
        "  string recipient = 1 [\n    debug_redact = true,\n    (google.api.field_behavior) = REQUIRED,\n",
    ),
    "comment": Addition(
        CATALOG,
        "  // The product.\n  Product product = 1;\n}\n\n// BatchGet",
        "  // This product.\n  Product product = 1;\n}\n\n// BatchGet",
    ),
    "message": Addition(
        SHIPPING,
        "// Quote is the price",
        "message Parcel {\n  int32 grams = 1;\n}\n\n// Quote is the price",
        "added: message shop.shipping.v1.Parcel",
    ),
    "enum value": Addition(
        PAYMENTS,
        "    STATE_REFUNDED = 4;\n",
        "    STATE_REFUNDED = 4;\n    STATE_DISPUTED = 5;\n",
        "added: enum value shop.payments.v1.Payment.State.STATE_DISPUTED",
    ),
    "method": Addition(
        INVENTORY,
        "  rpc GetStock(",
        "  rpc FindStock(GetStockRequest) returns (GetStockResponse);\n  rpc GetStock(",
        "added: method shop.inventory.v1.InventoryService/FindStock",
    ),
    "event": Addition(
        EVENTS,
        "// OrderConfirmed:",
        "message OrderShipped {\n  Order order = 1;\n}\n\n// OrderConfirmed:",
        "added: message shop.orders.v1.OrderShipped",
    ),
    "field of an event": Addition(
        EVENTS,
        "PENDING.\n  Order order = 1;\n",
        "PENDING.\n  Order order = 1;\n  string channel = 2;\n",
        "added: field shop.orders.v1.OrderPlaced.channel",
    ),
    "field of a message in events": Addition(
        ORDERS,
        "  string shipment = 11;\n",
        "  string shipment = 11;\n  string note = 13;\n",
        "added: field shop.orders.v1.Order.note",
    ),
    "field deprecated": Addition(
        CATALOG,
        "  bool show_discontinued = 8;",
        "  bool show_discontinued = 8 [deprecated = true];",
        "deprecated: field shop.catalog.v1.ListProductsRequest.show_discontinued",
    ),
    "larger maximum": Addition(
        ORDERS,
        "(buf.validate.field).int32.(shop.rules.v1.count) = 1000",
        "(buf.validate.field).int32.(shop.rules.v1.count) = 2000",
        "looser: rules of field shop.orders.v1.PlaceOrderItem.quantity",
    ),
    "rule removed": Addition(
        CATALOG,
        "  string search = 4 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 100];",
        "  string search = 4;",
        "looser: rules of field shop.catalog.v1.ListProductsRequest.search",
    ),
    "rule of a response": Addition(
        ORDERS, "  string shipment = 11;", "  string shipment = 11 [(buf.validate.field).string.max_len = 64];"
    ),
    "expression with an unclear change": Addition(
        CATALOG,
        "^((name|display_name|price)( desc)?)?$",
        "^((name|display_name|price|category)( desc)?)?$",
        "to review: rules of field shop.catalog.v1.ListProductsRequest.order_by may be stricter: "
        "cel order_by: this.matches('^((name|display_name|price)( desc)?)?$') -> "
        "this.matches('^((name|display_name|price|category)( desc)?)?…",
    ),
    "longer timeout": Addition(
        ORDERS,
        "timeout: {seconds: 14}",
        "timeout: {seconds: 20}",
        "longer: timeout of method shop.orders.v1.OrdersService/PlaceOrder, 20 s instead of 14 s",
    ),
    "method opened to the public": Addition(
        ORDERS,
        "    option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN};\n"
        '    option (google.api.http) = {get: "/v1/orders"};',
        "    option (mesh.options.v1.method) = {audience: AUDIENCE_ANYONE};\n"
        '    option (google.api.http) = {get: "/v1/orders"};',
        "opened: method shop.orders.v1.OrdersService/ListOrders: anyone can call it from outside",
    ),
    "REST path beside the old one": Addition(
        ORDERS,
        '{get: "/v1/orders"}',
        '{get: "/v1/orders", additional_bindings: {get: "/v1/purchases"}}',
        "added: REST path GET /v1/purchases of method shop.orders.v1.OrdersService/ListOrders",
    ),
    "stronger idempotency": Addition(
        ORDERS,
        "option idempotency_level = IDEMPOTENCY_UNKNOWN;",
        "option idempotency_level = IDEMPOTENT;",
        "promised: IDEMPOTENT by method shop.orders.v1.OrdersService/PlaceOrder; roll out its server first",
    ),
}
