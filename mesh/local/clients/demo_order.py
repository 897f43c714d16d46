"""One order through the gateway: proof at the end of `mesh up` that the mesh works."""

import uuid

from mesh.local.clients import users
from mesh.local.clients.gateway import call
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

METHOD = "shop.orders.v1.OrdersService/PlaceOrder"


def place(mesh: Instance) -> str:
    """Place an order as the demo user, and return its name.

    Raises:
        MeshError: the order was not confirmed.
    """
    # With one request_id a repeated call does not place a second order.
    request: dict[str, object] = {
        "request_id": str(uuid.uuid4()),
        "customer": "customers/me",
        "items": [{"product": "products/p-0001", "quantity": 1}],
        "payment_token": "tok_visa",
        "shipping_address": {
            "recipient": "Ada",
            "lines": ["Unter den Linden 1"],
            "locality": "Berlin",
            "postal_code": "10117",
            "region_code": "DE",
        },
    }
    order = call(mesh, METHOD, request, users.token(mesh))["order"]
    if order["state"] != "STATE_CONFIRMED":
        raise MeshError(
            f"the order was not confirmed: {order['state']}",
            why=order.get("rejectionMessage", ""),
            fix="`mesh logs orders`",
        )
    return str(order["name"])
