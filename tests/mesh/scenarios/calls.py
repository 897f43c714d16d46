"""Calls that scenarios make."""

from collections.abc import Awaitable, Callable
from typing import Any

ReadProduct = Callable[..., Awaitable[Any]]
"""Reads a product, with a mark in the header x-fault: product("abort"), product("delay", timeout=0.2)."""
