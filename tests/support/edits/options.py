"""Edits of the options of methods and services."""

from tests.support.edits.edit import CATALOG, IDENTITY, INVENTORY, ORDERS, PAYMENTS, edit

VOID = (
    "rpc VoidPayment(VoidPaymentRequest) returns (VoidPaymentResponse) {\n    option idempotency_level = IDEMPOTENT;\n"
)
READ = (
    "rpc GetProduct(GetProductRequest) returns (GetProductResponse) {\n"
    "    option idempotency_level = NO_SIDE_EFFECTS;\n"
)
CREATE = (
    "rpc CreateProduct(CreateProductRequest) returns (CreateProductResponse) {\n"
    "    option idempotency_level = IDEMPOTENT;\n    option (mesh.options.v1.method) = {\n"
    '      audience: AUDIENCE_SIGNED_IN\n      roles: "merchandiser"\n'
)

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
    "rate limit lowered": edit(IDENTITY, "calls_per_minute: 30", "calls_per_minute: 20").breaks(
        "shop.identity.v1.IdentityService/IssueToken", "behaviour", "outside"
    ),
    "rate limit added": edit(
        ORDERS,
        "      timeout: {seconds: 14}\n",
        "      timeout: {seconds: 14}\n      calls_per_minute: 600\n",
    ).breaks("shop.orders.v1.OrdersService/PlaceOrder", "behaviour", "outside"),
    "rate limit raised": edit(IDENTITY, "calls_per_minute: 30", "calls_per_minute: 60").passes(
        "more: calls per minute of method shop.identity.v1.IdentityService/IssueToken: 60"
    ),
    "rate limit removed": edit(IDENTITY, "      calls_per_minute: 30\n", "").passes(
        "more: calls per minute of method shop.identity.v1.IdentityService/IssueToken: no limit"
    ),
    "timeout removed, the default is shorter": edit(ORDERS, "      timeout: {seconds: 14}\n", "").breaks(
        "shop.orders.v1.OrdersService/PlaceOrder", "behaviour", "outside"
    ),
    "default timeout written out": edit(
        PAYMENTS, VOID, f"{VOID}    option (mesh.options.v1.method) = {{timeout: {{seconds: 3}}}};\n"
    ).passes(),
    "same timeout in other units": edit(ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 14, nanos: 0}").passes(),
    "timeout shortened by a millisecond": edit(
        ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 13, nanos: 999000000}"
    ).breaks("shop.orders.v1.OrdersService/PlaceOrder", "behaviour", "outside"),
    "read becomes a write": edit(CATALOG, READ, READ.replace("NO_SIDE_EFFECTS", "IDEMPOTENT")).breaks(
        "shop.catalog.v1.CatalogService/GetProduct", "behaviour", "operator, outside"
    ),
    "another role": edit(CATALOG, CREATE, CREATE.replace("merchandiser", "buyer")).breaks(
        "shop.catalog.v1.CatalogService/CreateProduct", "behaviour", "outside"
    ),
    "one more role admitted": edit(
        CATALOG, CREATE, CREATE.replace('roles: "merchandiser"', 'roles: ["merchandiser", "buyer"]')
    ).passes(
        "opened: method shop.catalog.v1.CatalogService/CreateProduct: "
        "anyone with an access token with the role buyer or merchandiser can call it from outside"
    ),
    "no role required": edit(CATALOG, CREATE, CREATE.replace('      roles: "merchandiser"\n', "")).passes(
        "opened: method shop.catalog.v1.CatalogService/CreateProduct: "
        "anyone with an access token can call it from outside"
    ),
    "login required": edit(INVENTORY, "{audience: AUDIENCE_ANYONE}", "{audience: AUDIENCE_SIGNED_IN}").breaks(
        "shop.inventory.v1.InventoryService/GetStock", "behaviour", "outside"
    ),
    "options in another order": edit(
        IDENTITY,
        "      audience: AUDIENCE_ANYONE\n      calls_per_minute: 30\n",
        "      calls_per_minute: 30\n      audience: AUDIENCE_ANYONE\n",
    ).passes(),
    "lower objective of a method": edit(
        PAYMENTS, VOID, f"{VOID}    option (mesh.options.v1.method) = {{objective: {{available_percent: 99.5}}}};\n"
    ).breaks("shop.payments.v1.PaymentsService/VoidPayment", "behaviour", "orders"),
    "slower objective of a method": edit(
        PAYMENTS, VOID, f"{VOID}    option (mesh.options.v1.method) = {{objective: {{latency: {{seconds: 1}}}}}};\n"
    ).breaks("shop.payments.v1.PaymentsService/VoidPayment", "behaviour", "orders"),
    "lower objective of a service": edit(
        IDENTITY, "    tier: TIER_CRITICAL\n", "    tier: TIER_CRITICAL\n    objective: {fast_percent: 98}\n"
    ).breaks("shop.identity.v1.IdentityService", "behaviour", "operator, outside"),
    "higher objective of a method": edit(
        PAYMENTS, VOID, f"{VOID}    option (mesh.options.v1.method) = {{objective: {{available_percent: 99.95}}}};\n"
    ).passes(
        "better: objective of method shop.payments.v1.PaymentsService/VoidPayment: "
        "99.95 % of the calls succeed instead of 99.9 %"
    ),
    "default objective written out": edit(
        IDENTITY,
        "    tier: TIER_CRITICAL\n",
        "    tier: TIER_CRITICAL\n    objective: {available_percent: 99.9, fast_percent: 99}\n",
    ).passes(),
    "audience by number": edit(INVENTORY, "{audience: AUDIENCE_ANYONE}", "{audience: 1}").passes(),
}
