"""`mesh`: the command line. It declares each command; its module in `commands/` carries it out."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.local.errors import MeshError, explain
from mesh.local.lifecycle.parts import Part
from mesh.local.pages import Page
from mesh.local.terminal import error_console

if TYPE_CHECKING:
    from mesh.local.clients.kubectl import Cluster

# Commands are imported when they run, so that `mesh --help` and every single command start quickly.

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A real Istio mesh on this machine, without containers and without root.",
)
Name = Annotated[
    str,
    typer.Option("--instance", "-i", envvar="MESH_INSTANCE", help="The mesh. Each has its own addresses and folder."),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        help="Act in the cluster of this kubeconfig instead of in the mesh. The variable KUBECONFIG is never used.",
        exists=True,
        dir_okay=False,
    ),
]
Context = Annotated[str | None, typer.Option(help="The context of that kubeconfig. Without it: the current one.")]
Role = Annotated[str, typer.Option(help="The role that the user has besides customer.")]


@app.command()
def up(
    name: Name = "default",
    gateway_port: Annotated[
        int | None,
        typer.Option(
            help="The gateway's port, 8080 by default. Its TLS port is 363 higher.", min=1024, max=65535 - 363
        ),
    ] = None,
    *,
    order: Annotated[bool, typer.Option(help="Place an order at the end.")] = True,
    without: Annotated[
        list[Part] | None,
        typer.Option(
            envvar="MESH_WITHOUT", help="Do not start this part, and remove it if it runs. Repeat it for more."
        ),
    ] = None,
) -> None:
    """Start the mesh, or update one that runs, and place an order through it."""
    from mesh.local.commands import up as command

    raise typer.Exit(command.run(name, gateway_port, order=order, without=without or []))


@app.command()
def down(
    name: Name = "default",
    *,
    purge: Annotated[bool, typer.Option("--purge", help="Also remove its data, keys and logs.")] = False,
) -> None:
    """Stop every process of the mesh. Its data stays, and `mesh up` starts it again."""
    from mesh.local.commands import down as command

    raise typer.Exit(command.run(name, purge=purge))


@app.command()
def status(name: Name = "default") -> None:
    """Show every Pod with its state and memory. The exit code is 1 if the mesh does not run."""
    from mesh.local.commands import status as command

    raise typer.Exit(command.run(name))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def logs(
    context: typer.Context,
    workload: Annotated[
        str | None, typer.Argument(help="A Deployment, kafka, or agent for the node agent.", show_default=False)
    ] = None,
    name: Name = "default",
    trace: Annotated[str | None, typer.Option(help="Show what all services logged in this trace.")] = None,
    order: Annotated[str | None, typer.Option(help="Show what all services logged about this order.")] = None,
) -> None:
    """Show a workload's log: `mesh logs orders`, `mesh logs orders -c istio-proxy --follow`, `mesh logs agent`.

    All other options are those of `kubectl logs`. With --trace or --order: the lines of all services, in order of time.
    """
    from mesh.local.commands import logs, story

    if [workload, trace, order].count(None) != 2:  # exactly one is given
        raise typer.BadParameter("name a workload, or give --trace or --order")
    if workload is None:
        raise typer.Exit(story.run(name, trace=trace, order=order))
    raise typer.Exit(logs.run(name, workload, context.args))


@app.command()
def trace(
    what: Annotated[str, typer.Argument(help="An order, for example orders/7c0d…, or the id of a trace.")],
    name: Name = "default",
) -> None:
    """Draw the spans of an order or a call: gateway, proxies, services and events."""
    from mesh.local.commands import trace as command

    raise typer.Exit(command.run(name, what))


@app.command()
def order(
    order: Annotated[str, typer.Argument(help="The order: orders/<id>, or its id.")],
    name: Name = "default",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show an order: its saga and events by time, its records in all services, and whether they agree.

    The exit code is 1 if the books of the order do not balance.
    """
    from mesh.local.commands import order as command

    raise typer.Exit(command.run(name, order, as_data=as_json))


@app.command()
def dashboard(
    page: Annotated[Page | None, typer.Argument(help="Open this page. Without it: print the addresses of all.")] = None,
    name: Name = "default",
) -> None:
    """Open the page of traces, metrics, logs or alerts in a browser, or print its address if there is none."""
    from mesh.local.commands import dashboard as command

    raise typer.Exit(command.run(name, page))


@app.command()
def console(
    name: Name = "default",
    *,
    open_browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser, if there is one.")
    ] = True,
) -> None:
    """Serve a page that shows what the mesh does, and acts on it as kubectl does. It listens on loopback only.

    It prints a link that logs a browser in. Run it again for another link. Ctrl-C stops it.
    """
    from mesh.local.commands import console as command

    raise typer.Exit(command.run(name, open_browser=open_browser))


@app.command()
def env(name: Name = "default") -> None:
    """Print the variables that connect a shell to the mesh: eval "$(mesh env)"."""
    from mesh.local.commands import env as command

    raise typer.Exit(command.run(name))


@app.command()
def token(name: Name = "default", role: Role = "customer") -> None:
    """Print an access token of the demo user, valid for 15 minutes: TOKEN=$(mesh token).

    For a role other than customer it is a separate demo user, to whom the operator has granted that role.
    """
    from mesh.local.commands import token as command

    raise typer.Exit(command.run(name, role))


@app.command()
def user(name: Name = "default", role: Role = "customer") -> None:
    """Print the e-mail address and the password of the demo user, for the login page of the storefront.

    For a role other than customer it is a separate demo user, to whom the operator has granted that role.
    """
    from mesh.local.commands import user as command

    raise typer.Exit(command.run(name, role))


@app.command()
def ledger(
    name: Name = "default",
    within: Annotated[
        float | None, typer.Option(help="Seconds that orders and events may need to settle, 60 by default.", min=0)
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Check that the books of all services balance, in a Job of the operator. The exit code is 1 if they do not."""
    from mesh.local.commands import ledger as command

    raise typer.Exit(command.run(_cluster(name, kubeconfig, context), within))


@app.command()
def resume(
    order: Annotated[str, typer.Argument(help="The parked order: orders/<id>.")],
    name: Name = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Resume a parked order, in a Job of the operator."""
    from mesh.local.commands import resume as command

    raise typer.Exit(command.run(_cluster(name, kubeconfig, context), order))


@app.command()
def call(
    method: Annotated[str, typer.Argument(help="<package>.<Service>/<Method>")],
    request: Annotated[str, typer.Argument(metavar="JSON", help="The request.")] = "{}",
    name: Name = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Call a method in a Job of the operator, and print its responses as JSON. The exit code is 1 if it fails.

    A request that needs a request_id and has none gets a new one.
    """
    from mesh.local.commands import call as command

    raise typer.Exit(command.run(_cluster(name, kubeconfig, context), method, request))


@app.command()
def matrix(name: Name = "default") -> None:
    """Call every method as every caller, and compare each result with the contracts and declarations.

    Callers are a user without a token, users with each role, each service, and a workload that no service declares.
    The exit code is 1 if a result is wrong.
    """
    from mesh.local.commands import matrix as command

    raise typer.Exit(command.run(name))


@app.command()
def why(  # noqa: PLR0913  # the options of a command
    caller: Annotated[
        str,
        typer.Argument(
            help="anonymous, user, a role, a service, stranger, pod/NAME, role/NAME, or a ServiceAccount.",
        ),
    ],
    method: Annotated[
        str, typer.Argument(help="<package>.<Service>/<Method>, or as much of its end as is unambiguous.")
    ],
    name: Name = "default",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    header: Annotated[
        list[str] | None, typer.Option(help="NAME:VALUE of a header that the call also has. Repeat it for more.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="The IP address of the caller.")] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Explain whether a caller may call a method, which proxy decides, by which rule, and what would allow it.

    It evaluates what the proxies have now, so policies that were applied by hand count as well.
    The exit code is 0 if the call is allowed, and 1 if it is denied.
    """
    from mesh.local.commands import why as command
    from mesh.local.why.inquiry import Question

    cluster = _cluster(name, kubeconfig, context)
    raise typer.Exit(command.run(cluster, Question(caller, method, header or [], address or ""), as_data=as_json))


@app.command()
def chaos(  # noqa: PLR0913  # the options of a command
    experiment: Annotated[str, typer.Argument(help="An experiment, or all. Without it, list them.")] = "",
    service: Annotated[str, typer.Option(help="The service to hit, in experiments that have one.")] = "",
    seconds: Annotated[float, typer.Option(help="How long the fault lasts.", min=1, max=300)] = 8,
    success: Annotated[
        float | None,
        typer.Option(help="Percent of the orders that must succeed, instead of the promise.", min=0, max=100),
    ] = None,
    name: Name = "default",
    *,
    alerts: Annotated[
        bool, typer.Option(help="Also hold the fault until its alert fires, and wait until the alert ends.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results, or the list, as JSON.")] = False,
) -> None:
    """Inject a fault under a small load, and check a hypothesis. The exit code is 1 if it does not hold.

    Ctrl-C stops the experiment and undoes the fault.
    """
    from mesh.local.commands import chaos as command

    raise typer.Exit(command.run(name, experiment, service, seconds, success, alerts=alerts, as_data=as_json))


@app.command()
def canary(  # noqa: PLR0913  # the options of a command
    service: Annotated[str, typer.Argument(help="The service, and the name of its Deployment.")],
    version: Annotated[str, typer.Argument(help="The new version's label. Its Deployment is <service>-<version>.")],
    name: Name = "default",
    *,
    seconds: Annotated[float, typer.Option(help="Shortest time for each share of the calls.", min=1)] = 30,
    calls: Annotated[int, typer.Option(help="Number of calls that a decision needs.", min=1)] = 100,
    timeout_seconds: Annotated[
        float, typer.Option("--patience", help="Longest time to wait for that number of calls, in seconds.", min=1)
    ] = 300,
    success: Annotated[float, typer.Option(help="Smallest percentage of calls that must succeed.", max=100)] = 99,
    p99: Annotated[float, typer.Option("--p99", help="Largest allowed 99th percentile of latency, in ms.")] = 500,
) -> None:
    """Move 5, 10, 25, 50, 100 % of the calls to a new version. Promote it, or roll it back if it fails or is slow.

    Ctrl-C also rolls back. The exit code is 1 if the version was rolled back.
    """
    from mesh.local.canary.rollout import Limits
    from mesh.local.commands import canary as command

    raise typer.Exit(command.run(name, service, version, Limits(seconds, calls, timeout_seconds, success, p99)))


@app.command()
def web(
    name: Name = "default",
    *,
    check: Annotated[bool, typer.Option("--check", help="Only check types, style and format.")] = False,
    folder: Annotated[bool, typer.Option("--folder", help="Only build it, and print the folder.")] = False,
    part: Annotated[
        str, typer.Option(help="Build only this part, as an image with this tag: catalog:v2. Serve nothing.")
    ] = "",
    sources: Annotated[
        Path | None, typer.Option("--from", help="The sources of the part, if not those of this checkout.")
    ] = None,
) -> None:
    """Check the storefront of this checkout, build it, and serve it if the mesh runs.

    With --part, build another version of one part. Pods then mount it as grpc-mesh/web-<part>:<tag>.
    """
    from mesh.local.commands import web as command

    raise typer.Exit(command.run(name, check=check, folder=folder, part=part, sources=sources))


@app.command()
def tools(
    *,
    drop_build_cache: Annotated[
        bool, typer.Option("--drop-build-cache", help="Free the disk space that the build used.")
    ] = False,
) -> None:
    """Build the tools that are missing, and list all with their versions."""
    from mesh.local.commands import tools as command

    raise typer.Exit(command.run(drop_build_cache=drop_build_cache))


def _cluster(name: str, kubeconfig: Path | None, context: str | None) -> "Cluster":
    from mesh.local.clients.kubectl import Cluster

    return Cluster(name, kubeconfig, context)


def main() -> None:
    """Run the command line. A user's mistake is one message on standard error, with exit code 2."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except (MeshError, OSError) as error:
        if not (problem := explain(error)):
            raise
        _discard_output()
        error_console.print(f"mesh: {problem}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _discard_output() -> None:
    """Discard output that could not be written. Otherwise Python would try again when it ends, and report that."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
