"""Calls to this machine's own addresses. They never go through a proxy: that is for the world outside."""

import os
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse

PROXIES = {"http_proxy", "https_proxy", "all_proxy", "grpc_proxy"}
"""Variables that name a proxy, in lower case; programs read them in upper case, too."""
NO_PROXY = ("localhost", "127.0.0.0/8")

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def open_url(url: str | urllib.request.Request, timeout: float) -> HTTPResponse:
    """Open a URL of this machine; for use as a context manager. Raises OSError as urllib does."""
    reply: HTTPResponse = _opener.open(url, timeout=timeout)
    return reply


def environment() -> dict[str, str]:
    """Return the environment without its proxies, for a process that calls nothing but this machine."""
    return {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}


def no_proxy(*hosts: str) -> Iterator[tuple[str, str]]:
    """Yield the variables that keep a proxy of the environment away from these hosts; none without a proxy."""
    if len(environment()) == len(os.environ):
        return
    own = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    # Older programs know no networks, and take each host by its name.
    value = ",".join([*([own] if own else []), *NO_PROXY, *hosts])
    yield from (("no_proxy", value), ("NO_PROXY", value))
