"""Edits of buf.validate rules."""

from tests.contracts.edits.edit import CATALOG, ORDERS, PAYMENTS, RULES, SHIPPING, edit

EDITS = {
    "smaller maximum": edit(
        ORDERS,
        "(buf.validate.field).int32.(shop.rules.v1.count) = 1000",
        "(buf.validate.field).int32.(shop.rules.v1.count) = 100",
    ).breaks("shop.orders.v1.PlaceOrderItem.quantity", "behaviour", "outside"),
    "value no longer accepted": edit(
        PAYMENTS, "this.currency_code in ['EUR', 'GBP', 'USD']", "this.currency_code in ['EUR', 'GBP']"
    ).breaks("shop.payments.v1.AuthorizePaymentRequest.amount", "behaviour", "orders"),
    "new required field": edit(
        SHIPPING,
        "  string reference = 5 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 128];\n",
        (
            "  string reference = 5 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 128];\n"
            "  string carrier = 6 [(buf.validate.field).string.(shop.rules.v1.text) = 20];\n"
        ),
    ).breaks("shop.shipping.v1.BookShipmentRequest.carrier", "behaviour", "orders"),
    "rule of a whole request": edit(
        PAYMENTS,
        "message AuthorizePaymentRequest {\n",
        (
            "message AuthorizePaymentRequest {\n"
            "  option (buf.validate.message).cel = {\n"
            '    id: "this.reference"\n'
            '    message: "must be set"\n'
            "    expression: \"this.reference != ''\"\n"
            "  };\n"
        ),
    ).breaks("shop.payments.v1.AuthorizePaymentRequest", "behaviour", "orders"),
    "rule of many fields": edit(RULES, "^[A-Za-z0-9_.:-]{1,64}$", "^[A-Za-z0-9_.:-]{1,36}$").breaks(
        "shop.rules.v1.request_id", "behaviour", "operator, orders, outside"
    ),
    "larger maximum": edit(
        ORDERS,
        "(buf.validate.field).int32.(shop.rules.v1.count) = 1000",
        "(buf.validate.field).int32.(shop.rules.v1.count) = 2000",
    ).passes("looser: rules of field shop.orders.v1.PlaceOrderItem.quantity"),
    "rule removed": edit(
        CATALOG,
        "  string search = 4 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 100];",
        "  string search = 4;",
    ).passes("looser: rules of field shop.catalog.v1.ListProductsRequest.search"),
    "rule of a response": edit(
        ORDERS, "  string shipment = 11;", "  string shipment = 11 [(buf.validate.field).string.max_len = 64];"
    ).passes(),
    "expression with an unclear change": edit(
        CATALOG, "^((name|display_name|price)( desc)?)?$", "^((name|display_name|price|category)( desc)?)?$"
    ).passes(
        "to review: rules of field shop.catalog.v1.ListProductsRequest.order_by may be stricter: cel "
        "order_by: this.matches('^((name|display_name|price)( desc)?)?$') -> "
        "this.matches('^((name|display_name|price|category)( desc)?)?…"
    ),
}
