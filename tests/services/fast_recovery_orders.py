"""orders with a recovery that starts after one second, so that tests need not wait."""

from functools import partial

from services.orders.__main__ import Setup, register
from services.orders.error_table import ERRORS
from services.runtime import serve

if __name__ == "__main__":
    setup = Setup(recovery_idle_seconds=1.0, recovery_interval_seconds=0.2)
    serve("orders", partial(register, setup=setup), ERRORS)
