"""Edits of messages, enums, files, packages and reservations."""

from tests.support.edits.edit import (
    ANALYTICS,
    CATALOG,
    EVENT_USERS,
    EVENTS,
    IDENTITY,
    INVENTORY,
    NOTIFICATIONS,
    OPTIONS,
    ORDERS,
    PAYMENTS,
    SHIPPING,
    edit,
)

PROTO3 = 'syntax = "proto3";'
EDITION = 'edition = "2023";\n\noption features.field_presence = IMPLICIT;'
QUOTE = """// Quote is the price"""
NEW_FILE = "proto/shop/shipping/v1/rates.proto"

EDITS = {
    # Messages.
    "message of a response renamed": edit(SHIPPING, "message Quote {", "message Offer {")
    .also(SHIPPING, "  Quote quote = 1;", "  Offer quote = 1;")
    .breaks("shop.shipping.v1.Quote", "source")
    .breaks("shop.shipping.v1.QuoteShippingResponse.quote", "source", "orders, outside"),
    "request message renamed": edit(SHIPPING, "message GetShipmentRequest {", "message FetchShipmentRequest {")
    .also(SHIPPING, "GetShipment(GetShipmentRequest)", "GetShipment(FetchShipmentRequest)")
    .breaks("shop.shipping.v1.GetShipmentRequest", "source")
    .breaks("shop.shipping.v1.ShippingService/GetShipment", "source", "operator"),
    "request with the same fields": edit(
        PAYMENTS, "rpc CapturePayment(CapturePaymentRequest)", "rpc CapturePayment(VoidPaymentRequest)"
    ).breaks("shop.payments.v1.PaymentsService/CapturePayment", "source", "orders"),
    "request with other fields": edit(
        PAYMENTS, "rpc GetPayment(GetPaymentRequest)", "rpc GetPayment(ListPaymentsRequest)"
    ).breaks("shop.payments.v1.PaymentsService/GetPayment", "wire", "operator"),
    "response with more fields": edit(PAYMENTS, "returns (VoidPaymentResponse) {", "returns (VoidedResponse) {")
    .also(PAYMENTS, "", "\nmessage VoidedResponse {\n  Payment payment = 1;\n  string reason = 2;\n}\n")
    .breaks("shop.payments.v1.PaymentsService/VoidPayment", "source", "orders"),
    "response with fewer fields": edit(PAYMENTS, "returns (VoidPaymentResponse) {", "returns (VoidedResponse) {")
    .also(PAYMENTS, "", "\nmessage VoidedResponse {}\n")
    .breaks("shop.payments.v1.PaymentsService/VoidPayment", "wire", "orders"),
    "unused message removed": edit(EVENTS, "// OrderConfirmed:", "message OrderNote {}\n\n// OrderConfirmed:").passes(
        "added: message shop.orders.v1.OrderNote"
    ),
    "message moved to another file": edit(SHIPPING, "message Quote {\n", "message Unused {\n")
    .also(SHIPPING, "  google.type.Money price = 1…", "")
    .also(
        SHIPPING,
        'import "mesh/options/v1/options.proto";\n',
        'import "mesh/options/v1/options.proto";\nimport "shop/shipping/v1/rates.proto";\n',
    )
    .also(
        NEW_FILE,
        "",
        'syntax = "proto3";\npackage shop.shipping.v1;\nimport "google/type/money.proto";\n'
        "message Quote {\n  google.type.Money price = 1;\n  int32 delivery_days = 2;\n}\n",
    )
    .breaks("shop.shipping.v1.Quote", "source", "orders, outside"),
    "message moved within its file": edit(SHIPPING, QUOTE, "message Early {}\n\n// Quote is the price").passes(
        "added: message shop.shipping.v1.Early"
    ),
    "nested message moved out of its message": edit(
        ORDERS, "    Reason reason = 3 [", "    Reason reason = 3  ["
    ).passes(),
    "event moved to another file": edit(
        EVENTS, "// OrderCancelled:", "message OrderMoved {}\n\n// OrderCancelled:"
    ).passes("added: message shop.orders.v1.OrderMoved"),
    # Enums.
    "enum value removed": edit(PAYMENTS, "    STATE_REFUNDED = 4;\n", "").breaks(
        "shop.payments.v1.Payment.State.STATE_REFUNDED", "wire", "operator, orders"
    ),
    "enum value of responses removed with reservation": edit(
        PAYMENTS, "    STATE_REFUNDED = 4;\n", '    reserved 4;\n    reserved "STATE_REFUNDED";\n'
    ).breaks("shop.payments.v1.Payment.State.STATE_REFUNDED", "source", "operator, orders"),
    "enum value of a JSON request removed with reservation": edit(
        IDENTITY, "    STATE_DISABLED = 2;\n", '    reserved 2;\n    reserved "STATE_DISABLED";\n'
    ).breaks("shop.identity.v1.User.State.STATE_DISABLED", "JSON", "operator, outside"),
    "enum value renumbered": edit(SHIPPING, "    STATE_CANCELLED = 2;", "    STATE_CANCELLED = 3;").breaks(
        "shop.shipping.v1.Shipment.State.STATE_CANCELLED", "wire", "operator, orders"
    ),
    "zero value of an enum renamed": edit(NOTIFICATIONS, "    KIND_UNSPECIFIED = 0;", "    KIND_UNKNOWN = 0;").breaks(
        "shop.notifications.v1.Notification.Kind.KIND_UNSPECIFIED", "JSON", "operator"
    ),
    "alias of an enum value behind it": edit(
        SHIPPING,
        "    STATE_CANCELLED = 2;\n",
        "    STATE_CANCELLED = 2;\n    option allow_alias = true;\n    STATE_STOPPED = 2;\n",
    ).passes(),
    "alias of an enum value before it": edit(
        SHIPPING,
        "    STATE_CANCELLED = 2;\n",
        "    option allow_alias = true;\n    STATE_STOPPED = 2;\n    STATE_CANCELLED = 2;\n",
    ).breaks("shop.shipping.v1.Shipment.State.STATE_CANCELLED", "JSON", "operator, orders"),
    "enum value deprecated": edit(
        SHIPPING, "    STATE_CANCELLED = 2;", "    STATE_CANCELLED = 2 [deprecated = true];"
    ).passes("deprecated: enum value shop.shipping.v1.Shipment.State.STATE_CANCELLED"),
    "enum values in another order": edit(SHIPPING, "    STATE_CANCELLED = 2;\n", "")
    .also(SHIPPING, "    STATE_BOOKED = 1;\n", "    STATE_CANCELLED = 2;\n    STATE_BOOKED = 1;\n")
    .passes(),
    "enum removed": edit(
        INVENTORY, "  State state = 2…", '  string note = 12;\n  reserved 2;\n  reserved "state";\n'
    ).breaks("shop.inventory.v1.Reservation.state", "source", "operator, orders"),
    # Reservations.
    "numbers and a name reserved": edit(
        SHIPPING, "message Quote {\n", 'message Quote {\n  reserved 7 to 9;\n  reserved "weight";\n'
    ).passes(),
    # Files and packages.
    "go_package added": edit(
        SHIPPING, "package shop.shipping.v1;\n", 'package shop.shipping.v1;\noption go_package = "shop/shippingv1";\n'
    ).passes(),
    "optimized for size": edit(
        SHIPPING, "package shop.shipping.v1;\n", "package shop.shipping.v1;\noption optimize_for = CODE_SIZE;\n"
    ).passes(),
    "generated without reflection": edit(
        SHIPPING, "package shop.shipping.v1;\n", "package shop.shipping.v1;\noption optimize_for = LITE_RUNTIME;\n"
    ).breaks("shop/shipping/v1/shipping.proto", "source", "operator, orders, outside"),
    "java_package and java_multiple_files added": edit(
        SHIPPING,
        "package shop.shipping.v1;\n",
        'package shop.shipping.v1;\noption java_package = "shop.shipping";\noption java_multiple_files = true;\n',
    ).passes(),
    "csharp_namespace added": edit(
        CATALOG, "package shop.catalog.v1;\n", 'package shop.catalog.v1;\noption csharp_namespace = "Shop.Catalog";\n'
    ).passes(),
    "edition 2023 with the same features": edit(SHIPPING, PROTO3, EDITION).passes(),
    "edition 2023 with presence of a field": edit(SHIPPING, PROTO3, EDITION)
    .also(SHIPPING, "  int32 delivery_days = 2 [", "  int32 delivery_days = 2 [features.field_presence = EXPLICIT, ")
    .breaks("shop.shipping.v1.Quote.delivery_days", "source", "orders, outside"),
    "package renamed": edit(ANALYTICS, "package shop.analytics.v1;", "package shop.analysis.v1;").breaks(
        "shop.analytics.v1", "wire", "operator"
    ),
    "import added": edit(
        ANALYTICS,
        'import "google/api/field_behavior.proto";\n',
        'import "google/api/field_behavior.proto";\nimport "google/protobuf/empty.proto";\n',
    ).passes(),
    "file comment": edit(SHIPPING, PROTO3, f"// A comment.\n{PROTO3}").passes(),
    "tier removed from the options": edit(OPTIONS, "  TIER_BACKGROUND = 3;\n", "")
    .also(ANALYTICS, "TIER_BACKGROUND", "TIER_STANDARD")
    .also(NOTIFICATIONS, "TIER_BACKGROUND", "TIER_STANDARD")
    .breaks("mesh.options.v1.Tier.TIER_BACKGROUND", "wire", "none"),
    # Methods and services.
    "service renamed in the contract": edit(
        ANALYTICS, "service AnalyticsService {", "service ReportingService {"
    ).breaks("shop.analytics.v1.AnalyticsService", "wire", "operator"),
    "method moved to a new service": edit(
        SHIPPING,
        "  rpc CancelShipment(",
        "  rpc QuoteAgain(QuoteShippingRequest) returns (QuoteShippingResponse);\n  rpc CancelShipment(",
    ).passes("added: method shop.shipping.v1.ShippingService/QuoteAgain"),
    "methods in another order": edit(
        INVENTORY,
        "  rpc ListStocks(ListStocksRequest) returns (ListStocksResponse) {\n"
        "    option idempotency_level = NO_SIDE_EFFECTS;\n  }\n",
        "",
    )
    .also(
        INVENTORY,
        "service InventoryService {\n",
        "service InventoryService {\n  rpc ListStocks(ListStocksRequest) returns (ListStocksResponse) {\n"
        "    option idempotency_level = NO_SIDE_EFFECTS;\n  }\n",
    )
    .passes(),
    "method deprecated": edit(
        SHIPPING,
        "  rpc CancelShipment(CancelShipmentRequest) returns (CancelShipmentResponse) {\n",
        "  rpc CancelShipment(CancelShipmentRequest) returns (CancelShipmentResponse) {\n"
        "    option deprecated = true;\n",
    ).passes("deprecated: method shop.shipping.v1.ShippingService/CancelShipment"),
    "response streamed": edit(
        INVENTORY, "returns (ListDemandsResponse)", "returns (stream ListDemandsResponse)"
    ).breaks("shop.inventory.v1.InventoryService/ListDemands", "wire", "operator"),
    "request streamed": edit(
        SHIPPING, "rpc BookShipment(BookShipmentRequest)", "rpc BookShipment(stream BookShipmentRequest)"
    ).breaks("shop.shipping.v1.ShippingService/BookShipment", "wire", "orders"),
    "event removed": edit(EVENTS, "message OrderConfirmed {", "message OrderConfirmedV2 {").breaks(
        "shop.orders.v1.OrderConfirmed", "wire", EVENT_USERS
    ),
}
