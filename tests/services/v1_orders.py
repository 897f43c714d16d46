"""orders as it was before its contract had a second version."""

from functools import partial

from services.orders.__main__ import Setup, register
from services.orders.error_table import ERRORS
from services.orders.v1.servicer import add
from services.runtime import serve

if __name__ == "__main__":
    serve("orders", partial(register, setup=Setup(versions=(add,))), ERRORS)
