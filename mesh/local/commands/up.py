"""`mesh up`: start the mesh, place an order, and print what to try next."""

import time
from collections.abc import Collection

from mesh.local import instance, interrupts
from mesh.local.clients import demo_order
from mesh.local.instance import Instance
from mesh.local.lifecycle.limits import raise_limits
from mesh.local.lifecycle.parts import Part
from mesh.local.lifecycle.start import start
from mesh.local.lifecycle.stop import stop
from mesh.local.pages import Page, url
from mesh.local.processes import agent_of
from mesh.local.terminal import console, error_console

INTERRUPTED = 130


def run(name: str, gateway_port: int | None, *, order: bool, without: Collection[Part] = ()) -> int:
    """Start the mesh. Raises MeshError."""
    interrupts.handle_once()
    raise_limits()
    mesh = instance.create(name, gateway_port)
    ran_before = agent_of(mesh) is not None
    try:
        start(mesh, console, without=without)
        if order:
            _place_order(mesh)
    except KeyboardInterrupt:
        if ran_before:
            error_console.print("\ninterrupted; the mesh continues to run")
        else:
            error_console.print("\ninterrupted: stopping what was started")
            stop(mesh)
        return INTERRUPTED
    console.print(_next_steps(mesh, pages=Part.OBSERVABILITY not in without), highlight=False, soft_wrap=True)
    return 0


def _place_order(mesh: Instance) -> None:
    started = time.monotonic()
    name = demo_order.place(mesh)
    console.print(
        f"[green]✓[/] {name} confirmed: gateway → orders → catalog, inventory, payments, shipping "
        f"[dim]{time.monotonic() - started:.1f} s[/]"
    )


def _next_steps(mesh: Instance, *, pages: bool) -> str:
    option = mesh.option
    addresses = "".join(f"\n  {url(mesh, page):43} {page.value}" for page in Page) if pages else ""
    return f"""
the mesh is up: http://{mesh.gateway}/ is the shop. Next:
  .venv/bin/mesh console{option}              a page that shows what the mesh does, and acts on it
  eval "$(.venv/bin/mesh env{option})"        kubectl, istioctl and grpcurl of this mesh in your shell
  kubectl get pods -A
  grpcurl -plaintext {mesh.gateway} list
  grpcurl -plaintext -d '{{"page_size": 3}}' {mesh.gateway} shop.catalog.v1.CatalogService/ListProducts
  curl --cacert "$MESH_CA" https://{mesh.tls_gateway}/v1/products/p-0001
  .venv/bin/mesh token{option}                an access token: grpcurl -H "authorization: Bearer <token>"
  .venv/bin/mesh status{option}               memory of every Pod
  .venv/bin/mesh down{option}                 stop it; the data stays{addresses}"""
