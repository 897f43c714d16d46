"""Edits of the options of methods and services."""

from tests.contracts.edits.edit import CATALOG, ORDERS, PAYMENTS, edit

EDITS = {
    "method closed to the public": edit(
        CATALOG,
        (
            "    option (mesh.options.v1.method) = {audience: AUDIENCE_ANYONE};\n"
            '    option (google.api.http) = {get: "/v1/{name'
        ),
        '    option (google.api.http) = {get: "/v1/{name',
    ).breaks("shop.catalog.v1.CatalogService/GetProduct", "behaviour", "outside"),
    "role required": edit(
        ORDERS,
        (
            "    option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN};\n"
            '    option (google.api.http) = {get: "/v1/orders"};'
        ),
        (
            '    option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN, roles: ["clerk"]};\n'
            '    option (google.api.http) = {get: "/v1/orders"};'
        ),
    ).breaks("shop.orders.v1.OrdersService/ListOrders", "behaviour", "outside"),
    "timeout shortened": edit(ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 5}").breaks(
        "shop.orders.v1.OrdersService/PlaceOrder", "behaviour", "outside"
    ),
    "weaker idempotency": edit(
        PAYMENTS,
        (
            "rpc VoidPayment(VoidPaymentRequest) returns (VoidPaymentResponse) {\n"
            "    option idempotency_level = IDEMPOTENT;"
        ),
        (
            "rpc VoidPayment(VoidPaymentRequest) returns (VoidPaymentResponse) {\n"
            "    option idempotency_level = IDEMPOTENCY_UNKNOWN;"
        ),
    ).breaks("shop.payments.v1.PaymentsService/VoidPayment", "behaviour", "orders"),
    "longer timeout": edit(ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 20}").passes(
        "longer: timeout of method shop.orders.v1.OrdersService/PlaceOrder, 20 s instead of 14 s"
    ),
    "method opened to the public": edit(
        ORDERS,
        (
            "    option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN};\n"
            '    option (google.api.http) = {get: "/v1/orders"};'
        ),
        (
            "    option (mesh.options.v1.method) = {audience: AUDIENCE_ANYONE};\n"
            '    option (google.api.http) = {get: "/v1/orders"};'
        ),
    ).passes("opened: method shop.orders.v1.OrdersService/ListOrders: anyone can call it from outside"),
    "stronger idempotency": edit(
        ORDERS, "option idempotency_level = IDEMPOTENCY_UNKNOWN;", "option idempotency_level = IDEMPOTENT;"
    ).passes("promised: IDEMPOTENT by method shop.orders.v1.OrdersService/PlaceOrder; roll out its server first"),
}
