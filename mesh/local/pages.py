"""The pages of the local mesh: traces, metrics, logs and alerts. They listen on the node's address only."""

from enum import StrEnum

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


def url(mesh: Instance, page: Page) -> str:
    """Return the address of a page."""
    port, path = LOCATIONS[page]
    return f"http://{mesh.node_ip}:{port}{path}"
