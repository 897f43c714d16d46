"""Calls to this machine's own addresses. They bypass the proxy of the environment, which is for other machines."""

import os
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse

PROXIES = {"http_proxy", "https_proxy", "all_proxy", "grpc_proxy"}
"""Variables that name a proxy, in lower case. Programs also read them in upper case."""
NO_PROXY = ("localhost", "127.0.0.0/8")

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def open_url(url: str | urllib.request.Request, timeout: float) -> HTTPResponse:
    """Open a URL of this machine, as a context manager; timeout in seconds. Raises OSError, as urllib does."""
    reply: HTTPResponse = _opener.open(url, timeout=timeout)
    return reply


def environment() -> dict[str, str]:
    """Return the environment without its proxies, for a process that calls only this machine."""
    return {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}


def no_proxy(*hosts: str) -> Iterator[tuple[str, str]]:
    """Yield the variables that exclude these hosts from the environment's proxy; none if it has no proxy."""
    if len(environment()) == len(os.environ):
        return
    own = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    # Older programs do not understand networks and need each host by name.
    value = ",".join([*([own] if own else []), *NO_PROXY, *hosts])
    yield from (("no_proxy", value), ("NO_PROXY", value))
