"""orders as it will be once its contract has no first version any more."""

from functools import partial

from services.orders.__main__ import Setup, register
from services.orders.error_table import ERRORS
from services.orders.v2.servicer import add
from services.runtime import serve

if __name__ == "__main__":
    serve("orders", partial(register, setup=Setup(versions=(add,))), ERRORS)
