"""What the services have recorded about an order, and whether that balances, as a Job of the operator reads it."""

import json
import re
from typing import Any

from mesh.local.clients import operator_job
from mesh.local.clients.kubectl import Kubectl
from mesh.local.errors import MeshError

ORDER_ID = re.compile("[a-z0-9-]{1,64}")
"""The ids of orders in their contract."""


def read_books(kubectl: Kubectl, order_id: str) -> dict[str, Any] | None:
    """Return the JSON of the operator's command `order`, or None if there is no such order. Raises MeshError."""
    if not ORDER_ID.fullmatch(order_id):
        return None
    result = operator_job.run(kubectl, "order", f"orders/{order_id}")
    for line in result.output.splitlines():
        if line.startswith("{"):
            books: dict[str, Any] = json.loads(line)
            return books
    if "ORDER_NOT_FOUND" in result.output:
        return None
    raise MeshError("the operator could not read the order", why=result.output.strip(), fix="`mesh status`")
