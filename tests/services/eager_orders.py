"""orders as it is, but for a recovery pass every second: its tests need not wait."""

from services.orders import __main__ as orders
from services.orders.servicer import ERRORS
from services.runtime import serve

orders.RECOVERY_SECONDS = 1.0

if __name__ == "__main__":
    serve("orders", orders.register, ERRORS)
