"""Who may call the console: its own page, in a browser to which someone with the token has given access.

The token is like the admin's kubeconfig: anyone who has it can do what kubectl can. It is never part of a URL. The page
sends it as a header, which pages of other sites cannot. The link that logs a browser in has a one-time code instead.
"""

import hmac
import secrets
import time
from http import HTTPStatus
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

CODE_SECONDS = 120
"""How long a code for a login is valid."""
API = "/api/"
LOGIN = "/api/login"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def read_token(file: Path) -> str:
    """Return the token in a file. On first use, create both; only the user can read the file. Raises OSError."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()


class Access:
    """Decides about requests to one console."""

    def __init__(self, host: str, token: str) -> None:
        """Create the checks for a console that listens at "<address>:<port>", with its token."""
        self._host, self._token = host, token
        self._codes: dict[str, float] = {}

    def create_code(self) -> str:
        """Return a new code. It can be exchanged for the token once, within CODE_SECONDS."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = time.monotonic() + CODE_SECONDS
        return code

    def routes(self) -> list[web.RouteDef]:
        """Return the routes that create and redeem codes."""
        return [web.post(LOGIN, self._redeem), web.post("/api/codes", self._create)]

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse a request of another site, and one of the API without the token."""
        # A host that a stranger owns can lead to this address, and the browser takes its page for the same origin.
        if request.host != self._host:
            raise web.HTTPMisdirectedRequest(text=f"this is http://{self._host}/")
        if request.path.startswith(API):
            self._check_call(request)
        return await handler(request)

    def _check_call(self, request: web.Request) -> None:
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if origin not in {None, f"http://{self._host}"} or site not in {None, "same-origin", "none"}:
            raise web.HTTPForbidden(text="only the page of the console may call it")
        if request.method == "POST" and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="the body must be application/json")
        if request.path != LOGIN and not self._has_token(request):
            raise web.HTTPUnauthorized(text="log in: `mesh console` prints a link")

    def _has_token(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and hmac.compare_digest(token.encode(), self._token.encode())

    async def _create(self, _request: web.Request) -> web.Response:
        return web.json_response({"code": self.create_code()})

    async def _redeem(self, request: web.Request) -> web.Response:
        body = await request.json()
        deadline = self._codes.pop(str(body.get("code")), 0) if isinstance(body, dict) else 0
        if deadline < time.monotonic():
            raise web.HTTPUnauthorized(text="this link has been used, or is older than two minutes")
        return web.json_response({"token": self._token})


@web.middleware
async def add_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add the headers that keep the page to itself, also to errors."""
    caching = "no-store" if request.path.startswith(API) else "no-cache"
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(HEADERS | {"Cache-Control": caching})
        if error.status == HTTPStatus.UNAUTHORIZED:
            error.headers["WWW-Authenticate"] = "Bearer"
        raise
    response.headers.update(HEADERS | {"Cache-Control": caching})
    return response
