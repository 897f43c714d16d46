"""Edits of google.api.http rules."""

from tests.contracts.edits.edit import CATALOG, ORDERS, edit

EDITS = {
    "REST path changed": edit(CATALOG, '"/v1/products:batchGet"', '"/v1/products:get"').breaks(
        "shop.catalog.v1.CatalogService/BatchGetProducts", "JSON", "outside"
    ),
    "REST path beside the old one": edit(
        ORDERS, '{get: "/v1/orders"}', '{get: "/v1/orders", additional_bindings: {get: "/v1/purchases"}}'
    ).passes("added: REST path GET /v1/purchases of method shop.orders.v1.OrdersService/ListOrders"),
}
