"""Edits of google.api.http rules."""

from tests.support.edits.edit import CATALOG, IDENTITY, INVENTORY, ORDERS, edit

STOCK = '{get: "/v1/{name=stocks/*}"}'
GET_STOCK = "shop.inventory.v1.InventoryService/GetStock"
GET_ORDER = '{get: "/v1/{name=orders/*}"}'
ORDERS_SERVICE = "shop.orders.v1.OrdersService"
SPECIAL = (
    "  rpc GetLatest(GetOrderRequest) returns (GetOrderResponse) {{\n"
    "    option idempotency_level = NO_SIDE_EFFECTS;\n"
    "    option (mesh.options.v1.method) = {{audience: AUDIENCE_SIGNED_IN}};\n"
    '    option (google.api.http) = {{get: "{path}"}};\n'
    "  }}\n\n"
)


def added_method(path: str) -> str:
    """Return a method with a path, before the method GetOrder."""
    return SPECIAL.format(path=path) + "  // GetOrder returns one order."


EDITS = {
    "REST path changed": edit(CATALOG, '"/v1/products:batchGet"', '"/v1/products:get"').breaks(
        "shop.catalog.v1.CatalogService/BatchGetProducts", "JSON", "outside"
    ),
    "REST path beside the old one": edit(
        ORDERS, '{get: "/v1/orders"}', '{get: "/v1/orders", additional_bindings: {get: "/v1/purchases"}}'
    ).passes("added: REST path GET /v1/purchases of method shop.orders.v1.OrdersService/ListOrders"),
    "REST path removed": edit(INVENTORY, f"    option (google.api.http) = {STOCK};\n", "").breaks(
        GET_STOCK, "JSON", "outside"
    ),
    "verb changed": edit(INVENTORY, STOCK, '{post: "/v1/{name=stocks/*}"}').breaks(GET_STOCK, "JSON", "outside"),
    "version of a path changed": edit(INVENTORY, STOCK, '{get: "/v2/{name=stocks/*}"}').breaks(
        GET_STOCK, "JSON", "outside"
    ),
    "body of one field instead of all": edit(
        CATALOG, '      post: "/v1/products"\n      body: "product"', '      post: "/v1/products"\n      body: "*"'
    ).breaks("shop.catalog.v1.CatalogService/CreateProduct", "JSON", "outside"),
    "all fields in the body instead of one": edit(
        ORDERS, '      post: "/v1/orders"\n      body: "*"', '      post: "/v1/orders"\n      body: "items"'
    ).breaks(f"{ORDERS_SERVICE}/PlaceOrder", "JSON", "outside"),
    "response body of one field": edit(INVENTORY, STOCK, '{get: "/v1/{name=stocks/*}", response_body: "stock"}').breaks(
        GET_STOCK, "JSON", "outside"
    ),
    "custom verb of a path changed": edit(ORDERS, '"/v1/{name=orders/*}:cancel"', '"/v1/{name=orders/*}:void"').breaks(
        f"{ORDERS_SERVICE}/CancelOrder", "JSON", "outside"
    ),
    "path with a narrower pattern": edit(INVENTORY, STOCK, '{get: "/v1/{name=stocks/new}"}').breaks(
        GET_STOCK, "JSON", "outside"
    ),
    "variable that binds another field": edit(
        ORDERS, '"/v1/{name=orders/*}:cancel"', '"/v1/{request_id=orders/*}:cancel"'
    ).breaks(f"{ORDERS_SERVICE}/CancelOrder", "JSON", "outside"),
    "variable that binds less of the path": edit(INVENTORY, STOCK, '{get: "/v1/stocks/{name}"}').breaks(
        GET_STOCK, "JSON", "outside"
    ),
    "new method that takes some requests of another": edit(
        ORDERS, "  // GetOrder returns one order.", added_method("/v1/orders/latest")
    ).breaks(f"{ORDERS_SERVICE}/GetOrder", "JSON", "outside"),
    "additional path that takes requests of another method": edit(
        ORDERS, '{get: "/v1/orders"}', '{get: "/v1/orders", additional_bindings: {get: "/v1/orders/all"}}'
    ).breaks(f"{ORDERS_SERVICE}/GetOrder", "JSON", "outside"),
    "old path only as an additional one": edit(
        INVENTORY, STOCK, '{get: "/v1/stock/{name=*}", additional_bindings: {get: "/v1/{name=stocks/*}"}}'
    ).passes(f"added: REST path GET /v1/stock/{{name=*}} of method {GET_STOCK}"),
    "pattern that accepts more": edit(INVENTORY, STOCK, '{get: "/v1/{name=stocks/**}"}').passes(
        f"added: REST path GET /v1/{{name=stocks/**}} of method {GET_STOCK}"
    ),
    "several segments written as one variable each": edit(
        INVENTORY, STOCK, '{get: "/v1/{name=stocks/*}", additional_bindings: {get: "/v1/items/{name=*}"}}'
    ).passes(f"added: REST path GET /v1/items/{{name=*}} of method {GET_STOCK}"),
    "equal templates in another form": edit(
        CATALOG, '{get: "/v1/products:batchGet"}', '{\n      get: "/v1/products:batchGet"\n    }'
    ).passes(),
    "new method beside another": edit(
        ORDERS, "  // GetOrder returns one order.", added_method("/v1/latest/orders")
    ).passes(f"added: method {ORDERS_SERVICE}/GetLatest"),
    "new method with a custom verb": edit(
        ORDERS, "  // GetOrder returns one order.", added_method("/v1/{name=orders/*}:latest")
    ).passes(f"added: method {ORDERS_SERVICE}/GetLatest"),
    "more specific path of another verb": edit(
        ORDERS,
        '      post: "/v1/orders"\n      body: "*"',
        '      post: "/v1/orders"\n      body: "*"\n      additional_bindings: {post: "/v1/orders/fast", body: "*"}',
    ).passes(f"added: REST path POST /v1/orders/fast with the body * of method {ORDERS_SERVICE}/PlaceOrder"),
    "well-known path changed": edit(IDENTITY, '"/.well-known/jwks.json"', '"/v1/keys"').breaks(
        "shop.identity.v1.IdentityService/GetJwks", "JSON", "outside"
    ),
}
