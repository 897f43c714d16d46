"""The lines of a log in words."""

from mesh.local.clients.signals import Line

PROXY = "istio-proxy"
FIELDS_OF_PROXY = ("upstream_cluster", "response_code_details", "duration")
"""What a reader needs of a proxy's line besides its text. An app's line has few fields, and all are shown."""
HIDDEN = {"trace_id", "span_id", "service", "version", "logger", "method", "code"}


def workload(line: Line) -> str:
    """Return the workload that wrote a line: orders for the Pod orders-6c7f9d-x2x4z."""
    return line.pod.rsplit("-", 2)[0]


def details(line: Line) -> str:
    """Return the fields of a line that a reader needs, as `name=value` separated by spaces."""
    shown = FIELDS_OF_PROXY if line.container == PROXY else sorted(line.fields.keys() - HIDDEN)
    return " ".join(f"{name}={line.fields[name]}" for name in shown if line.fields.get(name))
