"""Edits of messages, fields, enums, methods and events."""

from tests.support.edits.edit import (
    CATALOG,
    EVENT_USERS,
    EVENTS,
    INVENTORY,
    ORDERS,
    PAYMENTS,
    SHIPPING,
    edit,
)

DISCONTINUED = "  bool discontinued = 6 [(google.api.field_behavior) = OPTIONAL];\n"

EDITS = {
    "field removed": edit(CATALOG, DISCONTINUED, "").breaks(
        "shop.catalog.v1.Product.discontinued", "wire", "operator, orders, outside"
    ),
    "field removed, its number and name reserved": edit(
        PAYMENTS,
        "  google.protobuf.Timestamp update_time = 6…",
        '  reserved 6;\n  reserved "update_time";\n',
    ).breaks("shop.payments.v1.Payment.update_time", "source", "operator, orders"),
    "field of a request renamed": edit(ORDERS, "  bool parked_only = 4 ", "  bool parked = 4 ").breaks(
        "shop.orders.v1.ListOrdersRequest.parked_only", "JSON", "operator, outside"
    ),
    "type of a field changed": edit(SHIPPING, "  int32 delivery_days = 2 ", "  string delivery_days = 2 ").breaks(
        "shop.shipping.v1.Quote.delivery_days", "wire", "orders, outside"
    ),
    "field made a list": edit(INVENTORY, "  string reference = 6 ", "  repeated string reference = 6 ").breaks(
        "shop.inventory.v1.Reservation.reference", "wire", "operator, orders"
    ),
    "enum value renamed": edit(PAYMENTS, "STATE_VOIDED = 3;", "STATE_LET_GO = 3;").breaks(
        "shop.payments.v1.Payment.State.STATE_VOIDED", "JSON", "operator, orders"
    ),
    "method removed": edit(INVENTORY, "rpc GetStock(", "rpc FindStock(").breaks(
        "shop.inventory.v1.InventoryService/GetStock", "wire", "operator, outside"
    ),
    "response type of a method changed": edit(
        SHIPPING,
        "rpc CancelShipment(CancelShipmentRequest) returns (CancelShipmentResponse)",
        "rpc CancelShipment(CancelShipmentRequest) returns (QuoteShippingResponse)",
    ).breaks("shop.shipping.v1.ShippingService/CancelShipment", "wire", "orders"),
    "stream changed to a single response": edit(
        ORDERS, "returns (stream WatchOrderResponse)", "returns (WatchOrderResponse)"
    ).breaks("shop.orders.v1.OrdersService/WatchOrder", "wire", "outside"),
    "event renamed": edit(EVENTS, "message OrderCancelled {", "message OrderUndone {").breaks(
        "shop.orders.v1.OrderCancelled", "wire", EVENT_USERS
    ),
    "field of an event renumbered": edit(
        EVENTS,
        "  // The order at that time: PENDING.\n  Order order = 1;",
        "  // The order at that time: PENDING.\n  Order order = 2;",
    ).breaks("shop.orders.v1.OrderPlaced.order", "wire", EVENT_USERS),
    "field of a message in events": edit(
        ORDERS, "  // How many pieces.\n  int32 quantity = 3 ", "  // How many pieces.\n  int64 quantity = 3 "
    ).breaks("shop.orders.v1.OrderItem.quantity", "JSON", f"{EVENT_USERS}, outside"),
    "field": edit(CATALOG, DISCONTINUED, f"{DISCONTINUED}  int32 weight_grams = 15;\n").passes(
        "added: field shop.catalog.v1.Product.weight_grams"
    ),
    "optional field of a request": edit(
        SHIPPING,
        "  string reference = 5 [",
        "  string carrier = 6 [(buf.validate.field).string.max_len = 20];\n  string reference = 5 [",
    ).passes("added: field shop.shipping.v1.BookShipmentRequest.carrier"),
    "fields in another order": edit(
        SHIPPING,
        "  string recipient = 1 [\n    (google.api.field_behavior) = REQUIRED,\n    debug_redact = true,\n",
        "  string recipient = 1 [\n    debug_redact = true,\n    (google.api.field_behavior) = REQUIRED,\n",
    ).passes(),
    "comment": edit(
        CATALOG,
        "  // The product.\n  Product product = 1;\n}\n\n// BatchGet",
        "  // This product.\n  Product product = 1;\n}\n\n// BatchGet",
    ).passes(),
    "message": edit(
        SHIPPING, "// Quote is the price", "message Parcel {\n  int32 grams = 1;\n}\n\n// Quote is the price"
    ).passes("added: message shop.shipping.v1.Parcel"),
    "enum value": edit(
        PAYMENTS, "    STATE_REFUNDED = 4;\n", "    STATE_REFUNDED = 4;\n    STATE_DISPUTED = 5;\n"
    ).passes("added: enum value shop.payments.v1.Payment.State.STATE_DISPUTED"),
    "method": edit(
        INVENTORY, "  rpc GetStock(", "  rpc FindStock(GetStockRequest) returns (GetStockResponse);\n  rpc GetStock("
    ).passes("added: method shop.inventory.v1.InventoryService/FindStock"),
    "event": edit(
        EVENTS, "// OrderConfirmed:", "message OrderShipped {\n  Order order = 1;\n}\n\n// OrderConfirmed:"
    ).passes("added: message shop.orders.v1.OrderShipped"),
    "field of an event": edit(
        EVENTS, "PENDING.\n  Order order = 1;\n", "PENDING.\n  Order order = 1;\n  string channel = 2;\n"
    ).passes("added: field shop.orders.v1.OrderPlaced.channel"),
    "field of a message in events added": edit(
        ORDERS, "  string shipment = 11 [", "  string note = 13;\n  string shipment = 11 ["
    ).passes("added: field shop.orders.v1.Order.note"),
    "field deprecated": edit(
        CATALOG, "  bool show_discontinued = 8 [", "  bool show_discontinued = 8 [deprecated = true, "
    ).passes("deprecated: field shop.catalog.v1.ListProductsRequest.show_discontinued"),
}
