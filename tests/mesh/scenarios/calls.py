"""The type of the fixture `read_product`."""

from collections.abc import Awaitable, Callable
from typing import Any

ReadProduct = Callable[..., Awaitable[Any]]
"""Reads a product with the header x-fault: read_product("abort"), read_product("delay", timeout=0.2)."""
