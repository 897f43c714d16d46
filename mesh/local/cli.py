"""`mesh`: the local mesh's command line."""

import shlex
import subprocess
import sys
from typing import Annotated

import typer
from rich.console import Console

from mesh.local import ctrl_c, demo, down, instance, kubectl, loopback, status, tools, up, users
from mesh.local.canary import Canary, Plan
from mesh.local.chaos import bench
from mesh.local.errors import MeshError
from mesh.local.instance import TLS_OFFSET, Instance
from mesh.local.kafka.fetch import fetch

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A real Istio mesh on this machine: no containers, no root.",
)
# Piped output is not cut to a terminal's width.
console, problems = Console(width=None if sys.stdout.isatty() else 160), Console(stderr=True)
Name = Annotated[
    str,
    typer.Option("--instance", "-i", envvar="MESH_INSTANCE", help="Which mesh. Each has its own addresses and folder."),
]


def _existing(name: str) -> Instance:
    found = instance.existing(name)
    if not found:
        raise MeshError(f"there is no mesh '{name}'", fix="`mesh up` makes it")
    return found


def _running(name: str) -> Instance:
    found = _existing(name)
    if not down.agent_of(found):
        raise MeshError(f"mesh '{name}' does not run", fix="`mesh up` starts it")
    return found


@app.command("up")
def up_(
    name: Name = "default",
    gateway_port: Annotated[
        int | None,
        typer.Option(
            help="The gateway's port, 8080 when never given; TLS 363 above.", min=1024, max=65535 - TLS_OFFSET
        ),
    ] = None,
    *,
    order: Annotated[bool, typer.Option(help="Place an order at the end.")] = True,
) -> None:
    """Start the mesh, or bring a running one up to date, and place an order through it."""
    ctrl_c.once()
    mesh = instance.create(name, gateway_port)
    ran_before = down.agent_of(mesh) is not None
    try:
        up.up(mesh, console)
        if order:
            demo.place_order(mesh, console)
    except KeyboardInterrupt:
        if ran_before:
            problems.print("\ninterrupted; the mesh goes on running")
        else:
            problems.print("\ninterrupted: ending what was started")
            down.down(mesh)
        raise typer.Exit(130) from None
    console.print(_next_steps(mesh), highlight=False, soft_wrap=True)


@app.command("down")
def down_(
    name: Name = "default",
    *,
    purge: Annotated[bool, typer.Option("--purge", help="Remove its data, keys and logs too.")] = False,
) -> None:
    """End every process of the mesh. Its data stays, and `mesh up` goes on from there."""
    found = instance.existing(name)
    if not found:
        console.print(f"there is no mesh '{name}': nothing to do")
        return
    with console.status(f"ending mesh '{name}'"):
        ran = down.down(found, purge=purge)
    console.print(f"mesh '{name}' {'ended' if ran else 'was not running'}{'; its folder is gone' if purge else ''}")


@app.command("status")
def status_(name: Name = "default") -> None:
    """Show every Pod with its state and memory. Exit code 1 when the mesh does not run."""
    if not status.show(_existing(name), console):
        raise typer.Exit(1)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def logs(context: typer.Context, workload: str, name: Name = "default") -> None:
    """Show a workload's log: `mesh logs orders`, `mesh logs orders -c istio-proxy --follow`, `mesh logs agent`.

    Further options are those of `kubectl logs`.
    """
    mesh = _existing(name)
    if workload == "agent":
        raise typer.Exit(subprocess.call(["/usr/bin/env", "tail", "-n", "200", *context.args, str(mesh.agent_log)]))
    kind = "statefulset" if workload == "kafka" else "deployment"
    words = ["logs", "-n", kubectl.namespace_of(workload), f"{kind}/{workload}", *context.args]
    raise typer.Exit(subprocess.call([tools.bin_dir() / "kubectl", *words], env=kubectl.environment(mesh)))


@app.command()
def proxy(
    workload: str,
    path: Annotated[str, typer.Argument(help="A path of Envoy's admin API.")] = "help",
    name: Name = "default",
) -> None:
    """Ask the Envoy of a workload's first ready Pod: `mesh proxy orders clusters`, `mesh proxy orders stats`.

    `mesh proxy orders config_dump | istioctl proxy-config routes --file -` reads its routes as istioctl shows them.
    """
    typer.echo(status.ask_proxy(_existing(name), workload, path))


@app.command()
def env(name: Name = "default") -> None:
    """Print what a shell needs to talk to the mesh: eval "$(mesh env)"."""
    mesh = _existing(name)
    for key, value in (
        ("KUBECONFIG", str(mesh.kubeconfig)),
        ("MESH_GATEWAY", mesh.gateway),
        ("MESH_TLS_GATEWAY", mesh.tls_gateway),
        ("MESH_CA", str(mesh.gateway_authority)),
        ("MESH_HOME", str(mesh.home)),
        *loopback.no_proxy(mesh.gateway.rpartition(":")[0]),
    ):
        typer.echo(f"export {key}={shlex.quote(value)}")
    typer.echo(f"export PATH={shlex.quote(str(tools.bin_dir()))}:$PATH")


@app.command()
def token(
    name: Name = "default",
    role: Annotated[str, typer.Option(help="What the user may be, besides a customer.")] = users.CUSTOMER,
) -> None:
    """Print an access token of the demo's user, good for 15 minutes: TOKEN=$(mesh token).

    With another role than customer it is another user, whom the operator gave that role.
    """
    typer.echo(users.token(_running(name), role))


@app.command()
def chaos(
    experiment: Annotated[str, typer.Argument(help="One experiment, or all; none lists them.")] = "",
    service: Annotated[str, typer.Option(help="Whom it hits, where that can be chosen.")] = "",
    seconds: Annotated[float, typer.Option(help="How long the blow lasts.", min=1, max=300)] = 8,
    success: Annotated[
        float | None, typer.Option(help="Another promise: percent of the orders that sell meanwhile.", min=0, max=100)
    ] = None,
    name: Name = "default",
) -> None:
    """Break something under a small load, and tell what came of it. Exit code 1 when a hypothesis does not hold.

    Ctrl-C ends it and takes back what was done.
    """
    if not experiment:
        console.print(bench.listing())
        return
    chosen = bench.choose(experiment, service, success)
    if not bench.run(_running(name), chosen, seconds, console):
        raise typer.Exit(1)


@app.command()
def canary(  # noqa: PLR0913 - a command's options
    service: Annotated[str, typer.Argument(help="The service, and the name of its Deployment.")],
    version: Annotated[str, typer.Argument(help="The new one's label; its Deployment is <service>-<version>.")],
    name: Name = "default",
    *,
    seconds: Annotated[float, typer.Option(help="How long each share of the calls lasts at least.", min=1)] = 30,
    calls: Annotated[int, typer.Option(help="How many calls a judgement needs.", min=1)] = 100,
    patience: Annotated[float, typer.Option(help="Seconds to wait for so many.", min=1)] = 300,
    success: Annotated[float, typer.Option(help="The least percent of calls that succeed.", max=100)] = 99,
    p99: Annotated[float, typer.Option("--p99", help="The most milliseconds of 99 in 100 calls.")] = 500,
) -> None:
    """Send 5, 10, 25, 50, 100 % of the calls to a new version; promote it, or roll it back if it fails or is slow.

    Ctrl-C rolls back, too. Exit code 1 when it was rolled back.
    """
    ctrl_c.once()
    plan = Plan(seconds, calls, patience, success, p99)
    if not Canary(_running(name), console, service, version).run(plan):
        raise typer.Exit(1)


@app.command("tools")
def tools_(
    *,
    drop_build_cache: Annotated[
        bool, typer.Option("--drop-build-cache", help="Give back the disk that building took.")
    ] = False,
) -> None:
    """Build the tools that are missing and list all with their versions."""
    folder = tools.build(console, drop_build_cache=drop_build_cache)
    kafka = fetch(console)
    for tool, version in sorted(tools.versions().items()):
        console.print(f"{tool:24} {version}", highlight=False)
    console.print(f"in {folder}, and Kafka in {kafka}", highlight=False, soft_wrap=True)


def _next_steps(mesh: Instance) -> str:
    option = "" if mesh.name == "default" else f" -i {mesh.name}"
    return f"""
the mesh is up. Next:
  eval "$(.venv/bin/mesh env{option})"        kubectl, istioctl and grpcurl of this mesh in your shell
  kubectl get pods -A
  grpcurl -plaintext {mesh.gateway} list
  grpcurl -plaintext -d '{{"page_size": 3}}' {mesh.gateway} shop.catalog.v1.CatalogService/ListProducts
  curl --cacert "$MESH_CA" https://{mesh.tls_gateway}/v1/products/p-0001
  .venv/bin/mesh token{option}                an access token: grpcurl -H "authorization: Bearer <token>"
  .venv/bin/mesh status{option}               memory of every Pod
  .venv/bin/mesh down{option}                 end it; the data stays"""


def main() -> None:
    """Entry point: a user's mistake is one message on standard error and exit code 2."""
    try:
        app()
    except MeshError as error:
        problems.print(f"mesh: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
