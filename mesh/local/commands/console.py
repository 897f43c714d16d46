"""`mesh console`: serve the console, or print a new link to one that is served already."""

import asyncio
import json
import urllib.request
import webbrowser
from urllib.error import HTTPError

from mesh.local import loopback, web
from mesh.local.browser import has_window
from mesh.local.console.access import Access, read_token
from mesh.local.console.server import create_app, serve
from mesh.local.errors import MeshError
from mesh.local.instance import Instance, port_in_use
from mesh.local.pages import CONSOLE_PORT, console_url
from mesh.local.processes import load_running
from mesh.local.terminal import console, error_console

TIMEOUT_SECONDS = 10


def run(name: str, *, open_browser: bool) -> int:
    """Serve it until Ctrl-C. Raises MeshError."""
    mesh = load_running(name)
    token = read_token(mesh.home / "console-token")
    if port_in_use(mesh.node_ip, CONSOLE_PORT):
        _invite(mesh, _code_of_running(mesh, token), open_browser=open_browser)
        return 0
    folder = web.build_console(error_console)
    access = Access(f"{mesh.node_ip}:{CONSOLE_PORT}", token)
    app = create_app(mesh, access, folder)

    def ready() -> None:
        _invite(mesh, access.create_code(), open_browser=open_browser)
        console.print("Ctrl-C stops it. `mesh console` in another terminal prints a new link.")

    asyncio.run(serve(app, mesh.node_ip, CONSOLE_PORT, ready))
    return 0


def _invite(mesh: Instance, code: str, *, open_browser: bool) -> None:
    link = f"{console_url(mesh)}/login?code={code}"
    console.print(f"the console of the mesh '{mesh.name}' is at {console_url(mesh)}/", highlight=False, soft_wrap=True)
    console.print(f"log in, once and within two minutes: {link}", highlight=False, soft_wrap=True)
    if open_browser and has_window():
        webbrowser.open(link)


def _code_of_running(mesh: Instance, token: str) -> str:
    """Return a new code of the console that listens already. Raises MeshError if it is another program."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    url = f"{console_url(mesh)}/api/codes"
    request = urllib.request.Request(url, data=b"{}", headers=headers, method="POST")  # noqa: S310  # http
    try:
        with loopback.open_url(request, TIMEOUT_SECONDS) as reply:
            return str(json.load(reply)["code"])
    except (HTTPError, OSError, ValueError, LookupError) as error:
        why = f"{mesh.node_ip}:{CONSOLE_PORT} is in use, by no console of this mesh ({error})"
        raise MeshError("the console cannot start", why=why, fix="stop that program") from None
