"""A visitor of the storefront or the console: one browser profile with one page, and what went wrong on it."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from playwright.async_api import Browser, ConsoleMessage, Page, expect

from mesh.local import web
from mesh.local.terminal import error_console

Scheme = Literal["light", "dark"]
TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)
PHONE, DESKTOP = (360, 780), (1280, 900)


@dataclass
class Visitor:
    """A visitor, with the page that they look at."""

    page: Page
    origin: str
    problems: list[str] = field(default_factory=list)
    """Uncaught errors, and what the policy of the page has blocked. Failed calls are no problem: a page shows them."""
    requests: list[str] = field(default_factory=list)
    """The address of each request."""

    @classmethod
    @asynccontextmanager
    async def enter(
        cls, browser: Browser, origin: str, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light"
    ) -> AsyncIterator["Visitor"]:
        """Open a separate profile, and close it at the end."""
        width, height = size
        context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(TIMEOUT_MS)
        visitor = cls(await context.new_page(), origin)
        visitor.page.on("pageerror", lambda error: visitor.problems.append(str(error)))
        visitor.page.on("console", visitor._read_console)
        visitor.page.on("request", lambda request: visitor.requests.append(request.url))
        yield visitor
        await context.close()

    def _read_console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.problems.append(message.text)

    async def open(self, path: str) -> None:
        """Open a page by its path."""
        await self.page.goto(self.origin + path)

    async def log_in(self, token: str) -> None:
        """Log in with a token that was issued elsewhere, as the page of identity stores it."""
        await self.page.evaluate(
            """([token]) => {
              const claims = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
              localStorage.setItem("shop.session", JSON.stringify({
                token, email: "demo@shop.example", user: claims.sub, roles: claims.roles, expires: claims.exp * 1000,
              }));
            }""",
            [token],
        )
        await self.page.reload()

    async def violations(self) -> list[str]:
        """Return what axe finds on the page: each rule with the elements that violate it."""
        axe = web.packages(error_console) / "axe-core/axe.min.js"
        await self.page.evaluate(axe.read_text(encoding="utf-8"))
        found = await self.page.evaluate("async () => JSON.stringify((await axe.run(document)).violations)")
        return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in json.loads(found)]


def new_email() -> str:
    """Return an e-mail address that no user has."""
    return f"visitor-{secrets.token_hex(6)}@shop.example"


class Visit(Protocol):
    """Opens the shop as another visitor each time it is called."""

    async def __call__(self, path: str = "/", size: tuple[int, int] = DESKTOP, scheme: Scheme = "light") -> Visitor:
        """Open a page of the shop."""
