"""The composition root: `python -m services.storefront`."""

from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from services.runtime.http import serve_http
from services.storefront.app import create_app


def _app(own: Mapping[str, str]) -> web.Application:
    return create_app(Path(own.get("WEB", "srv/web")), own.get("CONSOLE_URL", ""))


if __name__ == "__main__":
    serve_http("storefront", _app)
