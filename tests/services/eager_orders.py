"""orders as it is, but for a recovery that is soon at hand: its tests need not wait."""

from services.orders import __main__ as orders
from services.orders.servicer import ERRORS
from services.runtime import serve

orders.RECOVERY_SECONDS, orders.RECOVERY_PASS_SECONDS = 1.0, 0.2

if __name__ == "__main__":
    serve("orders", orders.register, ERRORS)
