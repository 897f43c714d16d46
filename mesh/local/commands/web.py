"""`mesh web`: check and build the storefront, and let the running mesh serve it; or build another version of a part."""

import json
from pathlib import Path

import typer

from mesh.local import instance, web
from mesh.local.clients.kubectl import NAMESPACE, Kubectl
from mesh.local.errors import MeshError
from mesh.local.processes import agent_of
from mesh.local.terminal import console, error_console

DEPLOYMENT = "deployment/storefront"


def run(name: str, *, check: bool, folder: bool, part: str, sources: Path | None) -> int:
    """Check and build the storefront, and let the mesh serve it if it is up. Raises MeshError.

    With `check`, only check it. With `folder`, only build it and print where it is. With `part`, such as "catalog:v2",
    only build this part, from its sources.
    """
    if part:
        return _build_part(part, sources)
    if sources:
        raise MeshError("--from needs --part", fix="for example --part catalog:v2")
    if folder:
        typer.echo(web.build(error_console))
        return 0
    web.check(console)
    if check:
        return 0
    built = web.build(console)
    console.print(f"the storefront is in {built}", highlight=False, soft_wrap=True)
    mesh = instance.existing(name)
    if mesh and agent_of(mesh):
        kubectl = Kubectl.of(mesh)
        annotation = {"spec": {"template": {"metadata": {"annotations": {web.ANNOTATION: built.name}}}}}
        kubectl.run("patch", DEPLOYMENT, "-n", NAMESPACE, "--patch", json.dumps(annotation))
        with console.status("the new version starts"):
            kubectl.run("rollout", "status", DEPLOYMENT, "-n", NAMESPACE, "--timeout=90s")
        console.print(f"[green]✓[/] served at http://{mesh.gateway}/", highlight=False)
    return 0


def _build_part(part: str, sources: Path | None) -> int:
    name, _, tag = part.partition(":")
    if not tag:
        raise MeshError(f"--part {part} has no tag", fix=f"for example --part {part}:v2")
    built = web.build_part(name, tag, sources, console)
    image = f"grpc-mesh/web-{name}:{tag}"
    console.print(f"[green]✓[/] {image} is {built}", highlight=False, soft_wrap=True)
    return 0
