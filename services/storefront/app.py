"""The HTTP application: files that never change, manifests of the parts, and one HTML page for every address.

The files come from `build.ts`: `shell/` and `parts/<part>/`. They are listed once, at the start, so no request can name
another file, and a Pod serves the same version until it ends.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.runtime import ConfigError

HASHED = re.compile(r"-[A-Z0-9]{8}\.(js|css)(\.map)?$")
"""The names of files that have a hash of their contents."""
ORIGIN = re.compile(r"https?://[\w.-]+(:\d+)?", re.ASCII)
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
}
"""Suffix → type. No other file is served. aiohttp sends the .br or .gz beside a file to clients that accept it."""
FOREVER = "public, max-age=31536000, immutable"
ALWAYS_ASK = "no-cache"
INDEX, POLICY, MANIFEST = "shell/index.html", "shell/policy.txt", "part.json"


def create_app(folder: Path, console: str = "") -> web.Application:
    """Return the application for the built files in a folder.

    `console` is the origin of the console of a local mesh, to which pages link.

    Raises:
        ConfigError: the shell is missing, or the origin of the console is not valid.
    """
    if console and not ORIGIN.fullmatch(console):
        raise ConfigError(f"STOREFRONT_CONSOLE_URL: {console!r} is not of the form http://host:port")
    try:
        policy = (folder / POLICY).read_text()
    except OSError as error:
        raise ConfigError(f"STOREFRONT_WEB: {folder / POLICY}: {error.strerror}; `make web` builds it") from error
    files = dict(_files(folder))
    parts = sorted(path.parent.name for path in folder.glob(f"parts/*/{MANIFEST}"))
    app = web.Application(middlewares=[_add_headers(policy)])

    async def index(_request: web.Request) -> web.Response:
        return web.json_response(parts, headers={"Cache-Control": ALWAYS_ASK})

    async def settings(_request: web.Request) -> web.Response:
        return web.json_response({"console": console or None}, headers={"Cache-Control": ALWAYS_ASK})

    async def file(request: web.Request) -> web.StreamResponse:
        path = files.get(request.path)
        if path is None:
            raise web.HTTPNotFound
        return _response(path, FOREVER if HASHED.search(path.name) else ALWAYS_ASK)

    async def page(_request: web.Request) -> web.StreamResponse:
        return _response(folder / INDEX, ALWAYS_ASK)

    app.router.add_get("/parts/index.json", index)
    app.router.add_get("/parts/{part}/{file}", file)
    app.router.add_get("/assets/settings.json", settings)
    app.router.add_get("/assets/{file}", file)
    # The shell finds the page of an address. It says so if there is none.
    app.router.add_get("/{page:.*}", page)
    return app


def _response(path: Path, caching: str) -> web.FileResponse:
    return web.FileResponse(path, headers={"Cache-Control": caching, "Content-Type": TYPES[path.suffix]})


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the path of each file in a URL, and where it is."""
    for pattern, prefix in (("shell/assets/*", "/assets"), ("parts/*/*", "/parts")):
        for path in folder.glob(pattern):
            if path.is_file() and path.suffix in TYPES:
                name = path.name if prefix == "/assets" else f"{path.parent.name}/{path.name}"
                yield f"{prefix}/{name}", path


def _add_headers(policy: str) -> Middleware:
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    }

    @web.middleware
    async def add(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(headers | {"Cache-Control": ALWAYS_ASK})
            raise
        response.headers.update(headers)
        return response

    return add
