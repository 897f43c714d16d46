"""`mesh dashboard`: the pages of traces, metrics, logs and alerts."""

import webbrowser

from mesh.local.browser import has_window
from mesh.local.errors import MeshError
from mesh.local.instance import Instance, port_in_use
from mesh.local.pages import LOCATIONS, START, Page, url
from mesh.local.processes import load_running
from mesh.local.terminal import console


def run(name: str, page: Page | None) -> int:
    """Open a page, or print the addresses of all. Raises MeshError."""
    mesh = load_running(name)
    for each in [page] if page else Page:
        _check(mesh, each)
        console.print(f"{each.value:8} {url(mesh, each)}", highlight=False, soft_wrap=True)
    if page and has_window():
        webbrowser.open(url(mesh, page))
    return 0


def _check(mesh: Instance, page: Page) -> None:
    port, _ = LOCATIONS[page]
    if not port_in_use(mesh.node_ip, port):
        raise MeshError(f"nothing serves the page of {page.value}", why=f"{mesh.node_ip}:{port} is closed", fix=START)
