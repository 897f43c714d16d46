"""The proof at the end of `mesh up`: an order through the gateway, as a user would place it."""

import time
import uuid

from rich.console import Console

from mesh.local import users
from mesh.local.calls import call
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

METHOD = "shop.orders.v1.OrdersService/PlaceOrder"


def place_order(instance: Instance, console: Console) -> None:
    """Place one order, signed in as the demo's user, and say how it went.

    Raises:
        MeshError: no order was confirmed.
    """
    # One request_id: one order, however often sent.
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
    started = time.monotonic()
    order = call(instance, METHOD, request, users.token(instance))["order"]
    if order["state"] != "STATE_CONFIRMED":
        raise MeshError(
            f"the order was not confirmed: {order['state']}",
            why=order.get("rejectionMessage", ""),
            fix="`mesh logs orders`",
        )
    console.print(
        f"[green]✓[/] {order['name']} confirmed: gateway → orders → catalog, inventory, payments, shipping "
        f"[dim]{time.monotonic() - started:.1f} s[/]"
    )
