"""The files of the page, which are the same for everyone, and what its frame shows of the mesh."""

from pathlib import Path

from aiohttp import web

from mesh.local.instance import Instance
from mesh.local.pages import Page, url

INDEX, ASSETS = "index.html", "assets"


def files(folder: Path) -> list[web.AbstractRouteDef]:
    """Return the routes of the built files. Every other address is a page, which the script finds."""

    async def page(request: web.Request) -> web.FileResponse:
        if request.path.startswith("/api/"):
            raise web.HTTPNotFound
        return web.FileResponse(folder / INDEX)

    return [web.static(f"/{ASSETS}", folder / ASSETS), web.get("/{page:.*}", page)]


def routes(mesh: Instance) -> list[web.RouteDef]:
    """Return the route of the mesh's name and addresses."""

    async def read(_request: web.Request) -> web.Response:
        pages = [{"name": page.value, "url": url(mesh, page)} for page in Page]
        return web.json_response({"instance": mesh.name, "shop": f"http://{mesh.gateway}/", "pages": pages})

    return [web.get("/api/mesh", read)]
