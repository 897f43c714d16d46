"""Edits of fields: numbers, names, types, cardinality, presence and oneofs."""

from tests.support.edits.edit import (
    CATALOG,
    EVENT_USERS,
    IDENTITY,
    INVENTORY,
    NOTIFICATIONS,
    ORDERS,
    ORDERS_V2,
    PAYMENTS,
    SHIPPING,
    edit,
)

PUBLIC_STOCK = "operator, outside"
SHIPMENT_USERS = "operator, orders"

EDITS = {
    # Removed and renamed.
    "query parameter removed with reservation": edit(
        CATALOG, "  bool show_discontinued = 8…", '  reserved 8;\n  reserved "show_discontinued";\n'
    ).breaks("shop.catalog.v1.ListProductsRequest.show_discontinued", "JSON", "operator, outside"),
    "filter in the query of a list removed": edit(
        ORDERS, "  bool parked_only = 4…", '  reserved 4;\n  reserved "parked_only";\n'
    ).breaks("shop.orders.v1.ListOrdersRequest.parked_only", "JSON", "operator, outside"),
    "field of a JSON body removed with reservation": edit(
        ORDERS,
        "  ShippingAddress shipping_address = 5 [(google.api.field_behavior) = OPTIONAL];",
        '  reserved 5;\n  reserved "shipping_address";',
    ).breaks("shop.orders.v1.PlaceOrderRequest.shipping_address", "source", "outside"),
    "field of a gRPC request removed with reservation": edit(
        SHIPPING,
        "  string reference = 5…",
        '  reserved 5;\n  reserved "reference";\n',
    ).breaks("shop.shipping.v1.BookShipmentRequest.reference", "source", "orders"),
    "field removed, only its number reserved": edit(
        PAYMENTS, "  google.protobuf.Timestamp update_time = 6…", "  reserved 6;\n"
    ).breaks("shop.payments.v1.Payment.update_time", "JSON", "operator, orders"),
    "reserved number used again": edit(
        ORDERS, "  bool parked_only = 4…", "  bool parked_only = 4;\n  reserved 9;\n"
    ).passes(),
    "field renamed with its old JSON name": edit(
        INVENTORY, "  int64 available = 3 [", '  int64 on_hand = 3 [json_name = "available", '
    ).breaks("shop.inventory.v1.Stock.available", "JSON", PUBLIC_STOCK),
    "JSON name changed": edit(
        INVENTORY, "  int64 available = 3 [", '  int64 available = 3 [json_name = "onHand", '
    ).breaks("shop.inventory.v1.Stock.available", "JSON", PUBLIC_STOCK),
    "JSON name that equals the default": edit(
        SHIPPING, "  int32 delivery_days = 2 [", '  int32 delivery_days = 2 [json_name = "deliveryDays", '
    ).passes(),
    "two fields with swapped numbers": edit(INVENTORY, "  int64 available = 3 ", "  int64 available = 4 ")
    .also(INVENTORY, "  int64 reserved = 4 ", "  int64 reserved = 3 ")
    .breaks("shop.inventory.v1.Stock.available", "wire")
    .breaks("shop.inventory.v1.Stock.reserved", "wire", PUBLIC_STOCK),
    "field moved within its message": edit(SHIPPING, "  google.type.Money price = 1…", "")
    .also(SHIPPING, "  int32 delivery_days = 2…", "  int32 delivery_days = 2;\n  google.type.Money price = 1;\n")
    .passes(),
    # Types.
    "int32 to int64": edit(SHIPPING, "  int32 delivery_days = 2 ", "  int64 delivery_days = 2 ").breaks(
        "shop.shipping.v1.Quote.delivery_days", "JSON", "orders, outside"
    ),
    "int64 to int32": edit(INVENTORY, "  int64 available = 3 ", "  int32 available = 3 ").breaks(
        "shop.inventory.v1.Stock.available", "wire", PUBLIC_STOCK
    ),
    "int32 to uint32": edit(SHIPPING, "  int32 pieces = 4 ", "  uint32 pieces = 4 ").breaks(
        "shop.shipping.v1.Shipment.pieces", "wire", SHIPMENT_USERS
    ),
    "int32 to sint32": edit(SHIPPING, "  int32 pieces = 4 ", "  sint32 pieces = 4 ").breaks(
        "shop.shipping.v1.Shipment.pieces", "wire", SHIPMENT_USERS
    ),
    "int32 to fixed32": edit(SHIPPING, "  int32 pieces = 4 ", "  fixed32 pieces = 4 ").breaks(
        "shop.shipping.v1.Shipment.pieces", "wire", SHIPMENT_USERS
    ),
    "int32 to double": edit(SHIPPING, "  int32 pieces = 4 ", "  double pieces = 4 ").breaks(
        "shop.shipping.v1.Shipment.pieces", "wire", SHIPMENT_USERS
    ),
    "bool to int32": edit(CATALOG, "  bool discontinued = 6 ", "  int32 discontinued = 6 ").breaks(
        "shop.catalog.v1.Product.discontinued", "JSON", "operator, orders, outside"
    ),
    "string to bytes": edit(INVENTORY, "  string reference = 6 ", "  bytes reference = 6 ").breaks(
        "shop.inventory.v1.Reservation.reference", "JSON", SHIPMENT_USERS
    ),
    "enum to int32": edit(SHIPPING, "  State state = 2 ", "  int32 state = 2 ").breaks(
        "shop.shipping.v1.Shipment.state", "JSON", SHIPMENT_USERS
    ),
    "enum to another enum": edit(
        NOTIFICATIONS, "  Kind kind = 4…", "  enum Sort {\n    SORT_UNSPECIFIED = 0;\n  }\n  Sort kind = 4;\n"
    ).breaks("shop.notifications.v1.Notification.kind", "wire", "operator"),
    "message to string": edit(
        SHIPPING, "  google.protobuf.Timestamp create_time = 7 ", "  string create_time = 7 "
    ).breaks("shop.shipping.v1.Shipment.create_time", "wire", SHIPMENT_USERS),
    "message to another message": edit(
        PAYMENTS, "  google.type.Money amount = 3 ", "  google.protobuf.Timestamp amount = 3 "
    ).breaks("shop.payments.v1.Payment.amount", "wire", SHIPMENT_USERS),
    "message to a message with the same fields": edit(SHIPPING, "  google.type.Money price = 1 ", "  Price price = 1 ")
    .also(
        SHIPPING,
        "// Quote is the price",
        "message Price {\n  string currency_code = 1;\n  int64 units = 2;\n  int32 nanos = 3;\n}\n\n"
        "// Quote is the price",
    )
    .breaks("shop.shipping.v1.Quote.price", "source", "orders, outside"),
    "message to one with fewer fields": edit(SHIPPING, "  google.type.Money price = 1 ", "  Price price = 1 ")
    .also(SHIPPING, "// Quote is the price", "message Price {\n  string currency_code = 1;\n}\n\n// Quote is the price")
    .breaks("shop.shipping.v1.Quote.price", "wire", "orders, outside"),
    "list of messages to a map": edit(
        INVENTORY, "  repeated Stock stocks = 1;", "  map<string, Stock> stocks = 1;"
    ).breaks("shop.inventory.v1.ListStocksResponse.stocks", "wire", "operator"),
    # Cardinality and presence.
    "list made a single value": edit(PAYMENTS, "  repeated Payment payments = 1;", "  Payment payments = 1;").breaks(
        "shop.payments.v1.ListPaymentsResponse.payments", "wire", "operator"
    ),
    "single message made a list": edit(
        SHIPPING, "  Address destination = 3 ", "  repeated Address destination = 3 "
    ).breaks("shop.shipping.v1.Shipment.destination", "wire", SHIPMENT_USERS),
    "presence added": edit(SHIPPING, "  int32 delivery_days = 2 ", "  optional int32 delivery_days = 2 ").breaks(
        "shop.shipping.v1.Quote.delivery_days", "source", "orders, outside"
    ),
    "presence of a message written out": edit(
        SHIPPING, "  Address destination = 3 ", "  optional Address destination = 3 "
    ).passes(),
    "packed written out": edit(
        ORDERS, "message OrderItem {\n", "message OrderItem {\n  repeated int32 sizes = 9 [packed = true];\n"
    ).passes("added: field shop.orders.v1.OrderItem.sizes"),
    # Oneofs.
    "oneof renamed": edit(ORDERS_V2, "  oneof delivery {", "  oneof transport {").breaks(
        "shop.orders.v2.PlaceOrderRequest.delivery", "source", "outside"
    ),
    "field added to a oneof": edit(
        ORDERS_V2, "  oneof delivery {", "  oneof delivery {\n    string locker = 21;"
    ).passes("added: field shop.orders.v2.PlaceOrderRequest.locker"),
    "single field moved into a new oneof": edit(
        SHIPPING, "  int32 delivery_days = 2…", "  oneof when {\n    int32 delivery_days = 2;\n  }\n"
    ).breaks("shop.shipping.v1.Quote.delivery_days", "source", "orders, outside"),
    "single field and a new one in a new oneof": edit(
        SHIPPING,
        "  int32 delivery_days = 2…",
        "  oneof when {\n    int32 delivery_days = 2;\n    int32 hours = 3;\n  }\n",
    ).breaks("shop.shipping.v1.Quote.delivery_days", "source", "orders, outside"),
    "two fields moved into a new oneof": edit(SHIPPING, "  int32 delivery_days = 2…", "")
    .also(
        SHIPPING,
        "  google.type.Money price = 1…",
        "  oneof either {\n    google.type.Money price = 1;\n    int32 delivery_days = 2;\n  }\n",
    )
    .breaks("shop.shipping.v1.Quote.delivery_days", "wire")
    .breaks("shop.shipping.v1.Quote.price", "wire", "orders, outside"),
    # Options that change nothing.
    "comment of a field": edit(
        SHIPPING, "  int32 delivery_days = 2…", "  int32 delivery_days = 2; // whole days\n"
    ).passes(),
    "field of a response deprecated": edit(
        IDENTITY, "  string kty = 1 [", "  string kty = 1 [deprecated = true, "
    ).passes("deprecated: field shop.identity.v1.JsonWebKey.kty"),
    "jstype of a field": edit(
        INVENTORY, "  int64 available = 3 [", "  int64 available = 3 [jstype = JS_STRING, "
    ).breaks("shop.inventory.v1.Stock.available", "source", PUBLIC_STOCK),
    "field of a message in events renumbered": edit(ORDERS, "  int32 quantity = 3 ", "  int32 quantity = 13 ").breaks(
        "shop.orders.v1.OrderItem.quantity", "wire", f"{EVENT_USERS}, outside"
    ),
    "nested message field added": edit(ORDERS_V2, "message Pickup {", "message Pickup {\n  string desk = 9;").passes(
        "added: field shop.orders.v2.Pickup.desk"
    ),
}
