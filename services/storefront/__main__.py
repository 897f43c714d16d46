"""The composition root: `python -m services.storefront`."""

from pathlib import Path

from aiohttp import web

from services.runtime.config import Settings
from services.runtime.http_server import serve_http
from services.storefront.app import create_app


def _app(settings: Settings) -> web.Application:
    return create_app(Path(settings.own.get("WEB", "srv/web")))


if __name__ == "__main__":
    serve_http("storefront", _app)
