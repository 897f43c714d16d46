"""Links to the pages of metrics, traces and logs that show more about a node or an edge."""

from dataclasses import dataclass
from urllib.parse import urlencode

from mesh.local.instance import Instance
from mesh.local.pages import Page, url

RANGE = "1h"


@dataclass(frozen=True)
class Link:
    """A page of another program."""

    title: str
    url: str


def of_calls(mesh: Instance, caller: str, service: str) -> list[Link]:
    """Return the links of an edge of calls."""
    calls = f'caller="{caller}", service="{service}"'
    return [
        _metrics(mesh, f"sum by (method, grpc_status) (rate(mesh_rpc_requests_total{{{calls}}}[1m]))"),
        _traces(mesh, caller),
    ]


def of_events(mesh: Instance, app: str, topic: str) -> list[Link]:
    """Return the links of an edge of events."""
    events = f'app="{app}", topic="{topic}"'
    return [
        _metrics(mesh, f'sum by (type) (rate({{__name__=~"event_(published|processed)_total", {events}}}[1m]))'),
        _traces(mesh, app),
    ]


def of_app(mesh: Instance, app: str) -> list[Link]:
    """Return the links of a node."""
    logs = urlencode({"query": f'k8s.deployment.name:="{app}"', "g0.range_input": RANGE})
    return [
        _metrics(mesh, f'sum by (caller, method) (rate(mesh_rpc_requests_total{{service="{app}"}}[1m]))'),
        Link("Dashboards", f"{url(mesh, Page.METRICS)}#/dashboards"),
        _traces(mesh, app),
        Link("Logs", f"{url(mesh, Page.LOGS)}#/?{logs}"),
    ]


def _metrics(mesh: Instance, expression: str) -> Link:
    query = urlencode({"g0.expr": expression, "g0.range_input": RANGE})
    return Link("Metrics", f"{url(mesh, Page.METRICS)}#/?{query}")


def _traces(mesh: Instance, app: str) -> Link:
    return Link("Traces", f"{url(mesh, Page.TRACES)}?{urlencode({'serviceName': app, 'lookback': '15m'})}")
