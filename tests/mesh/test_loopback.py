"""Calls of this machine's addresses while the environment names a proxy that does not exist."""

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from mesh.local import loopback

MISSING_PROXY = "http://127.0.0.1:9"
VARIABLES = [spelled for name in sorted(loopback.PROXIES) for spelled in (name, name.upper())]


class Handler(BaseHTTPRequestHandler):
    """Sends one word."""

    def do_GET(self) -> None:  # http.server's name
        """Send the word."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, MISSING_PROXY)


@pytest.mark.usefixtures("proxied")
def test_a_url_of_this_machine_is_opened_without_the_proxy(url: str) -> None:
    with loopback.open_url(url, 5) as reply:
        assert reply.read() == b"here"


@pytest.mark.usefixtures("proxied")
def test_the_environment_for_local_calls_has_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    environment = loopback.environment()
    assert not environment.keys() & set(VARIABLES)
    assert environment["KEPT"] == "1"


@pytest.mark.usefixtures("proxied")
def test_a_shell_with_a_proxy_gets_exceptions_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "inside.example")
    monkeypatch.delenv("no_proxy", raising=False)
    value = "inside.example,localhost,127.0.0.0/8,127.20.0.2"
    assert dict(loopback.no_proxy("127.20.0.2")) == {"no_proxy": value, "NO_PROXY": value}


def test_a_shell_without_a_proxy_gets_no_exceptions() -> None:
    assert not os.environ.keys() & set(VARIABLES), "tests/conftest.py removes them"
    assert list(loopback.no_proxy("127.20.0.2")) == []
