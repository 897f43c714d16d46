"""Edits of service.yaml."""

from tests.support.edits.edit import CATALOG, SHIPPING, edit

ORDERS, OPERATOR, PAYMENTS, NOTIFICATIONS, INVENTORY, CATALOG_SERVICE = (
    f"services/{name}/service.yaml"
    for name in ("orders", "operator", "payments", "notifications", "inventory", "catalog")
)
QUOTE_CALL = "  - to: shop.shipping.v1.ShippingService\n    methods: [QuoteShipping]\n    during: [PlaceOrder]\n"

EDITS = {
    "call dropped": edit(ORDERS, "[BookShipment, CancelShipment]", "[BookShipment]").breaks(
        "orders/calls/shop.shipping.v1.ShippingService/CancelShipment", "policy", "orders"
    ),
    "all calls of a service dropped": edit(ORDERS, QUOTE_CALL, "").breaks(
        "orders/calls/shop.shipping.v1.ShippingService/QuoteShipping", "policy", "orders"
    ),
    "call of the operator dropped": edit(
        OPERATOR, "  - to: shop.analytics.v1.AnalyticsService\n    methods: [ListSales]\n", ""
    ).breaks("operator/calls/shop.analytics.v1.AnalyticsService/ListSales", "policy", "operator"),
    "call on demand dropped": edit(
        OPERATOR, "[GetStock, ReceiveStock, GetReservation]", "[GetStock, ReceiveStock]"
    ).breaks("operator/calls/shop.inventory.v1.InventoryService/GetReservation", "policy", "operator"),
    "two calls dropped": edit(
        ORDERS,
        "[AuthorizePayment, CapturePayment, VoidPayment, RefundPayment]",
        "[AuthorizePayment, CapturePayment]",
    )
    .breaks("orders/calls/shop.payments.v1.PaymentsService/VoidPayment", "policy")
    .breaks("orders/calls/shop.payments.v1.PaymentsService/RefundPayment", "policy", "orders"),
    "service renamed": edit(PAYMENTS, "service: payments", "service: billing").breaks(
        "payments", "policy", "operator, orders"
    ),
    "service without methods for others renamed": edit(
        NOTIFICATIONS, "service: notifications", "service: messages"
    ).breaks("notifications", "policy", "operator"),
    "version no longer served": edit(
        ORDERS, "[shop.orders.v1.OrdersService, shop.orders.v2.OrdersService]", "[shop.orders.v1.OrdersService]"
    ).breaks("orders/serves/shop.orders.v2.OrdersService", "policy", "outside"),
    "contract served by another service": edit(PAYMENTS, "serves: [shop.payments.v1.PaymentsService]\n", "")
    .also(
        CATALOG_SERVICE,
        "serves: [shop.catalog.v1.CatalogService]",
        "serves: [shop.catalog.v1.CatalogService, shop.payments.v1.PaymentsService]",
    )
    .breaks("payments/serves/shop.payments.v1.PaymentsService", "policy", "operator, orders"),
    "event no longer emitted": edit(ORDERS, "  - shop.orders.v1.OrderRejected\n", "").breaks(
        "orders/emits/shop.orders.v1.OrderRejected",
        "policy",
        "analytics, inventory, notifications, operator, orders",
    ),
    "resource no longer owned": edit(PAYMENTS, "owns: [payments.shop.example/Payment]\n", "").breaks(
        "payments/owns/payments.shop.example/Payment", "policy", "payments"
    ),
    "resource owned by another service": edit(INVENTORY, "  - inventory.shop.example/Demand\n", "")
    .also(
        CATALOG_SERVICE,
        "owns: [catalog.shop.example/Product]",
        "owns: [catalog.shop.example/Product, inventory.shop.example/Demand]",
    )
    .breaks("inventory/owns/inventory.shop.example/Demand", "policy", "inventory"),
    "call added": edit(
        ORDERS, "[BookShipment, CancelShipment]", "[BookShipment, CancelShipment, GetShipment]"
    ).passes(),
    "call waited for": edit(
        ORDERS, "[BookShipment, CancelShipment]", "[BookShipment, CancelShipment]\n    during: [CancelOrder]"
    ).passes(),
    "calls in another form": edit(
        ORDERS,
        QUOTE_CALL,
        "  - {to: shop.shipping.v1.ShippingService, methods: [QuoteShipping], during: [PlaceOrder]}\n",
    ).passes(),
    "event no longer consumed": edit(NOTIFICATIONS, "  - shop.orders.v1.OrderRejected\n", "").passes(),
    "comment of a declaration": edit(ORDERS, "# What orders serves", "# What the service orders serves").passes(),
    "resource owned in addition": edit(
        SHIPPING,
        "// Quote is the price",
        'message Label {\n  option (google.api.resource) = {type: "shipping.shop.example/Label", '
        'pattern: "labels/{label}"};\n'
        "  string name = 1;\n}\n\n// Quote is the price",
    )
    .also(
        "services/shipping/service.yaml",
        "owns: [shipping.shop.example/Shipment]",
        "owns: [shipping.shop.example/Shipment, shipping.shop.example/Label]",
    )
    .passes("added: message shop.shipping.v1.Label"),
    "service added": edit(
        "services/loyalty/service.yaml",
        "",
        "service: loyalty\ncalls:\n  - to: shop.catalog.v1.CatalogService\n    methods: [GetProduct]\n",
    ).passes(),
    "call and method removed together": edit(ORDERS, "[BookShipment, CancelShipment]", "[BookShipment]")
    .also(SHIPPING, "rpc CancelShipment(", "rpc StopShipment(")
    .breaks("shop.shipping.v1.ShippingService/CancelShipment", "wire", "orders"),
    "method added with its call": edit(
        CATALOG,
        "  rpc GetProduct(",
        "  rpc CountProducts(ListProductsRequest) returns (ListProductsResponse) {\n"
        "    option idempotency_level = NO_SIDE_EFFECTS;\n  }\n\n  rpc GetProduct(",
    )
    .also(OPERATOR, "[GetProduct, BatchGetProducts,", "[CountProducts, GetProduct, BatchGetProducts,")
    .passes("added: method shop.catalog.v1.CatalogService/CountProducts"),
}
