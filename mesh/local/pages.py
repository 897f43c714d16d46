"""The pages of the local mesh: traces, metrics, logs and alerts. They listen on the node's address only."""

from enum import StrEnum

from mesh.local.errors import MeshError
from mesh.local.instance import Instance


class Page(StrEnum):
    """A page, by what it shows."""

    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"
    ALERTS = "alerts"


LOCATIONS = {
    Page.TRACES: (9411, "/zipkin/"),
    Page.METRICS: (8428, "/vmui/"),
    Page.LOGS: (9428, "/select/vmui/"),
    Page.ALERTS: (8880, "/vmalert/groups"),
}
"""The port and the path of each page: Zipkin, VictoriaMetrics, VictoriaLogs and vmalert."""

START = "`kubectl get pods -n observability` shows its state; `mesh up` starts it"
"""What to do if nothing serves a page."""
CONSOLE_PORT = 8090


def console_url(mesh: Instance) -> str:
    """Return the origin of the console, which `mesh console` serves."""
    return f"http://{mesh.node_ip}:{CONSOLE_PORT}"


def url(mesh: Instance, page: Page) -> str:
    """Return the address of a page."""
    return base_url(mesh, page) + LOCATIONS[page][1]


def no_response(page: Page, error: OSError) -> MeshError:
    """Return the error for a store that does not respond."""
    return MeshError(f"the store of {page.value} does not respond", why=str(error), fix=START)


def base_url(mesh: Instance, page: Page) -> str:
    """Return the address of the server that has a page. Its API has other paths."""
    return f"http://{mesh.node_ip}:{LOCATIONS[page][0]}"
