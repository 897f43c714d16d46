"""Edits of buf.validate rules."""

from tests.support.edits.edit import CATALOG, ORDERS, PAYMENTS, RULES, SHIPPING, edit

CATEGORY = (
    "  string category = 3 [\n    (google.api.field_behavior) = OPTIONAL,\n    (buf.validate.field).string.pattern"
)

EDITS = {
    "smaller maximum": edit(
        ORDERS,
        "lte: 1000\n",
        "lte: 100\n",
    ).breaks("shop.orders.v1.PlaceOrderItem.quantity", "behaviour", "outside"),
    "value no longer accepted": edit(
        PAYMENTS, "this.currency_code in ['EUR', 'GBP', 'USD']", "this.currency_code in ['EUR', 'GBP']"
    ).breaks("shop.payments.v1.AuthorizePaymentRequest.amount", "behaviour", "orders"),
    "new required field": edit(
        SHIPPING,
        "  string reference = 5 [",
        "  string carrier = 6 [(buf.validate.field).string.min_len = 1];\n  string reference = 5 [",
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
    "rule of many fields": edit(
        RULES, "this.map(entry, entry.product).unique()", "this.map(entry, entry.product).unique() && this.size() < 9"
    ).breaks("shop.rules.v1.distinct_products", "behaviour", "orders, outside"),
    "larger maximum": edit(
        ORDERS,
        "lte: 1000\n",
        "lte: 2000\n",
    ).passes("looser: rules of field shop.orders.v1.PlaceOrderItem.quantity"),
    "rule removed": edit(
        CATALOG,
        ",\n    (buf.validate.field).string = {\n      max_len: 100\n"
        '      pattern: "^[^\\\\x00]*$"\n    }\n  ];\n  // Returns only products that cost at least',
        "\n  ];\n  // Returns only products that cost at least",
    ).passes("looser: rules of field shop.catalog.v1.ListProductsRequest.search"),
    "rule of a response": edit(
        ORDERS, "  string shipment = 11 [", "  string shipment = 11 [(buf.validate.field).string.max_len = 64, "
    ).passes(),
    "wider pattern": edit(
        CATALOG,
        f'{CATEGORY} = "^[a-z0-9-]{{0,32}}$"',
        f'{CATEGORY} = "^[a-z0-9_-]{{0,32}}$"',
    ).passes("looser: rules of field shop.catalog.v1.ListProductsRequest.category"),
    "pattern with fewer digits and more characters": edit(
        CATALOG,
        f'{CATEGORY} = "^[a-z0-9-]{{0,32}}$"',
        f'{CATEGORY} = "^[a-z0-5-]{{0,64}}$"',
    ).breaks("shop.catalog.v1.ListProductsRequest.category", "behaviour", "operator, outside"),
    "pattern written differently": edit(
        CATALOG,
        f'{CATEGORY} = "^[a-z0-9-]{{0,32}}$"',
        f'{CATEGORY} = "^([-0-9]|[a-z]){{0,32}}$"',
    ).passes("equivalent: rules of field shop.catalog.v1.ListProductsRequest.category"),
    "expression written differently": edit(
        PAYMENTS,
        "this.currency_code in ['EUR', 'GBP', 'USD']",
        "['USD', 'EUR', 'GBP'].exists(code, code == this.currency_code)",
    ).passes("equivalent: rules of field shop.payments.v1.AuthorizePaymentRequest.amount"),
    "one more value": edit(
        PAYMENTS, "this.currency_code in ['EUR', 'GBP', 'USD']", "this.currency_code in ['CHF', 'EUR', 'GBP', 'USD']"
    ).passes("looser: rules of field shop.payments.v1.AuthorizePaymentRequest.amount"),
}
