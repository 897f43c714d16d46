"""orders as it will be once its contract has no first version any more."""

from services.orders import __main__ as orders
from services.orders.error_table import ERRORS
from services.orders.v2.servicer import add
from services.runtime import serve

orders.VERSIONS = [add]

if __name__ == "__main__":
    serve("orders", orders.register, ERRORS)
