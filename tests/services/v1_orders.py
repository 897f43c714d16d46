"""orders as it was before its contract had a second version."""

from services.orders import __main__ as orders
from services.orders.error_table import ERRORS
from services.orders.v1.servicer import add
from services.runtime import serve

orders.VERSIONS = [add]

if __name__ == "__main__":
    serve("orders", orders.register, ERRORS)
