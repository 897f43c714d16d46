"""Edits of resources, references, field behavior and redaction."""

from tests.support.edits.edit import CATALOG, IDENTITY, INVENTORY, ORDERS, PAYMENTS, SHIPPING, edit

PRODUCT_USERS = "operator, orders, outside"
RESERVATION = '    pattern: "reservations/{reservation}"\n'
REFERENCE = '[(google.api.resource_reference).type = "catalog.shop.example/Product"]'

EDITS = {
    "type of a resource changed": edit(
        PAYMENTS, 'type: "payments.shop.example/Payment"', 'type: "payments.shop.example/Charge"'
    )
    .also("services/payments/service.yaml", "payments.shop.example/Payment", "payments.shop.example/Charge")
    .breaks("shop.payments.v1.Payment", "behaviour", "operator, orders"),
    "pattern of a resource changed": edit(
        CATALOG, 'pattern: "products/{product}"', 'pattern: "goods/{product}"'
    ).breaks("shop.catalog.v1.Product", "behaviour", PRODUCT_USERS),
    "variable of a pattern renamed": edit(
        CATALOG, 'pattern: "products/{product}"', 'pattern: "products/{id}"'
    ).passes(),
    "field is now required": edit(
        CATALOG,
        "bool show_discontinued = 8 [(google.api.field_behavior) = OPTIONAL]",
        "bool show_discontinued = 8 [(google.api.field_behavior) = REQUIRED]",
    ).breaks("shop.catalog.v1.ListProductsRequest.show_discontinued", "behaviour", "operator, outside"),
    "field is no longer documented as required": edit(
        INVENTORY,
        "  string name = 1 [\n    (google.api.field_behavior) = REQUIRED,\n    "
        '(google.api.resource_reference).type = "inventory.shop.example/Stock",\n',
        '  string name = 1 [\n    (google.api.resource_reference).type = "inventory.shop.example/Stock",\n',
    ).passes(),
    "pattern of a resource replaced, another kept": edit(
        INVENTORY, RESERVATION, '    pattern: "holds/{hold}"\n    pattern: "reservations/{reservation}/parts/{part}"\n'
    ).breaks("shop.inventory.v1.Reservation", "behaviour", "operator, orders"),
    "pattern added": edit(
        INVENTORY, RESERVATION, RESERVATION + '    pattern: "orders/{order}/reservations/{reservation}"\n'
    ).passes(
        "added: pattern of the resource inventory.shop.example/Reservation: orders/{order}/reservations/{reservation}"
    ),
    "plural of a resource changed": edit(INVENTORY, 'plural: "stocks"', 'plural: "stock"').breaks(
        "shop.inventory.v1.Stock", "source", "operator, outside"
    ),
    "field is output only": edit(
        CATALOG, "  bool discontinued = 6 [", "  bool discontinued = 6 [(google.api.field_behavior) = OUTPUT_ONLY, "
    ).breaks("shop.catalog.v1.Product.discontinued", "behaviour", PRODUCT_USERS),
    "field is immutable": edit(
        CATALOG, "  bool discontinued = 6 [", "  bool discontinued = 6 [(google.api.field_behavior) = IMMUTABLE, "
    ).breaks("shop.catalog.v1.Product.discontinued", "behaviour", PRODUCT_USERS),
    "field is input only": edit(
        SHIPPING,
        "  int32 delivery_days = 2 [",
        "  int32 delivery_days = 2 [(google.api.field_behavior) = INPUT_ONLY, ",
    ).breaks("shop.shipping.v1.Quote.delivery_days", "behaviour", "orders, outside"),
    "order of a list no longer promised": edit(
        IDENTITY,
        "  repeated JsonWebKey keys = 1;",
        "  repeated JsonWebKey keys = 1 [(google.api.field_behavior) = UNORDERED_LIST];",
    ).breaks("shop.identity.v1.GetJwksResponse.keys", "behaviour", "operator, outside"),
    "field of a response is output only": edit(
        SHIPPING,
        "  int32 delivery_days = 2 [",
        "  int32 delivery_days = 2 [(google.api.field_behavior) = OUTPUT_ONLY, ",
    ).passes(),
    "field is no longer output only": edit(
        IDENTITY,
        "  google.protobuf.Timestamp update_time = 6 [(google.api.field_behavior) = OUTPUT_ONLY];",
        "  google.protobuf.Timestamp update_time = 6;",
    ).passes(),
    "field is documented as optional": edit(
        CATALOG,
        "  bool show_discontinued = 8 [",
        "  bool show_discontinued = 8 [(google.api.field_behavior) = OPTIONAL, ",
    ).passes(),
    "payment token no longer redacted": edit(PAYMENTS, "    debug_redact = true,\n", "").breaks(
        "shop.payments.v1.AuthorizePaymentRequest.payment_token", "behaviour", "orders"
    ),
    "access token no longer redacted": edit(
        IDENTITY, "  string access_token = 1 [debug_redact = true];", "  string access_token = 1;"
    ).breaks("shop.identity.v1.IssueTokenResponse.access_token", "behaviour", "outside"),
    "field redacted": edit(
        INVENTORY, "  string reference = 6 [", "  string reference = 6 [debug_redact = true, "
    ).passes(),
    "reference to a resource declared": edit(
        ORDERS, "message OrderItem {\n", f"message OrderItem {{\n  string gift = 14 {REFERENCE};\n"
    ).passes("added: field shop.orders.v1.OrderItem.gift"),
}
