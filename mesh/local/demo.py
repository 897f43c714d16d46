"""The proof at the end of `mesh up`: an order through the gateway, as a user would place it."""

import json
import subprocess
import time
import uuid

from rich.console import Console

from mesh.local import tools
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

METHOD = "shop.orders.v1.OrdersService/PlaceOrder"
PATIENCE = 30


def place_order(instance: Instance, console: Console) -> None:
    """Place one order with grpcurl and say how it went.

    Raises:
        MeshError: no order was confirmed.
    """
    request = {
        "request_id": str(uuid.uuid4()),
        "customer": "customers/demo",
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
    command = [
        str(tools.bin_dir() / "grpcurl"),
        "-plaintext",
        "-max-time",
        "10",
        "-d",
        json.dumps(request),
        instance.gateway,
        METHOD,
    ]
    started = time.monotonic()
    while True:
        # Routes reach the gateway a moment after its Pod is ready. One request_id: one order, however often sent.
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        if done.returncode == 0:
            break
        if time.monotonic() - started > PATIENCE:
            raise MeshError(
                "the mesh is up, but no order goes through it",
                why=done.stderr.strip(),
                fix="`mesh status`, `mesh logs orders`",
            )
        time.sleep(0.2)
    order = json.loads(done.stdout)["order"]
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
