"""orders with a recovery that starts after one second, so that tests need not wait."""

from services.orders import __main__ as orders
from services.orders.error_table import ERRORS
from services.runtime import serve

orders.RECOVERY_IDLE_SECONDS, orders.RECOVERY_INTERVAL_SECONDS = 1.0, 0.2

if __name__ == "__main__":
    serve("orders", orders.register, ERRORS)
