"""Causes: what the mesh itself sees to be wrong with a service. A cause explains failed and slow calls.

So its alert fires instead of those of the service and of its callers: one fault, one alert. It pages if calls fail or
are slow, and is a ticket otherwise. Of several causes, the one that is listed first explains the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_signals.indicators import BURNING, labels_of
from tools.protoc_gen_signals.profiles import Profile
from tools.protoc_gen_signals.rules import Alert, Group, Recording

CAUSE, OWNER = "service:mesh_cause:bool", "service:mesh_owner:info"
OUTBOUND = r"outbound\\|[0-9]+\\|[^|]*\\|([^.|]+)[.].*"
"""Of the label `cluster_name` in Envoy's metrics: "outbound|50051||payments.shop.svc.cluster.local"."""
SERVICE = "mesh-{{ $labels.service }}"
"""The dashboard of the service that an alert is about."""


@dataclass(frozen=True)
class Cause:
    """A condition by service, 1 or 0, and its alert."""

    alert: str
    expr: str
    pending: str
    """How long it holds before the alert fires."""
    summary: str
    description: str


def causes(profile: Profile, scope: str) -> list[Cause]:
    """Return the causes, the one that explains all others first. `scope` selects the workloads of the mesh."""
    started, uptime = f"process_start_time_seconds{{{scope}}}", f"envoy_server_uptime{{{scope}}}"
    return [
        Cause(
            "InstanceDown",
            # One that has never responded is not down. It starts, and Kubernetes sends it no calls yet.
            by_app(f"(up{{{scope}}} == bool 0)\n* (max_over_time(up{{{scope}}}[{profile.known}]) == bool 1)"),
            profile.down,
            "An instance of {{ $labels.service }} does not respond",
            """An app or a proxy of {{ $labels.service }} sends no metrics: it hangs, is overloaded or cannot be
            reached. Calls to it wait until their timeout.""",
        ),
        Cause(
            "ProcessRestarted",
            # A store may round the time of a start in two ways, so a second is no difference.
            by_app(
                f"(max_over_time({started}[{profile.recent}]) - min_over_time({started}[{profile.recent}]) > bool 1)"
                f"\nor\n(max_over_time({uptime}[{profile.recent}]) > bool {uptime})"
            ),
            profile.pending,
            "A process of {{ $labels.service }} has crashed and was restarted",
            """The app or the proxy of a Pod of {{ $labels.service }} started again in the same Pod. Calls that were in
            progress have failed.""",
        ),
        Cause(
            "DatabaseUnavailable",
            by_app(f'increase(storage_failures_total{{reason="unavailable"}}[{profile.recent}]) > bool 0'),
            profile.pending,
            "{{ $labels.service }} cannot reach its database",
            """Transactions of {{ $labels.service }} fail because its database does not respond. Its calls fail with
            UNAVAILABLE.""",
        ),
        Cause(
            "InstanceEjected",
            by_cluster('envoy_cluster_outlier_detection_ejections_active{cluster_name=~"outbound.*"} > bool 0'),
            profile.pending,
            "Callers have ejected an instance of {{ $labels.service }}",
            """An instance of {{ $labels.service }} failed several calls in a row, so proxies send it no calls for a
            while. The other instances, if there are any, have its load.""",
        ),
        Cause(
            "CallsRejected",
            _rejected(profile.recent),
            profile.pending,
            "Proxies reject calls to {{ $labels.service }}",
            """More calls to {{ $labels.service }} are in flight than its tier allows, so proxies reject the rest with
            UNAVAILABLE. It is slower than usual, or gets more calls than usual.""",
        ),
    ]


def by_app(expr: str) -> str:
    """Return the maximum of a metric of Pods by service."""
    return f'max by (service) (label_replace(\n{expr},\n"service", "$1", "app", "(.+)"))'


def by_cluster(expr: str) -> str:
    """Return the maximum of a metric of Envoy's outbound clusters by the service that they call."""
    return f'max by (service) (label_replace(\n{expr},\n"service", "$1", "cluster_name", "{OUTBOUND}"))'


def _rejected(window: str) -> str:
    """Return whether the proxy of a caller, or that of the service, has rejected calls above a limit."""
    terms = []
    for kind in ("pending", "active"):
        metric = f"envoy_cluster_upstream_rq_{kind}_overflow"
        outbound, inbound = (
            f'increase({metric}{{cluster_name=~"{way}.*"}}[{window}]) > bool 0' for way in ("outbound", "inbound")
        )
        terms += [by_cluster(outbound), by_app(inbound)]
    places = "\nor\n".join(f'label_replace({term}, "place", "{number}", "", "")' for number, term in enumerate(terms))
    return f"max by (service) (\n{places}\n)"


def owners(graph: Graph, profile: Profile) -> Group:
    """Return constants with the labels of each service, for alerts whose metrics do not have them."""
    rules = [
        Recording(OWNER, "vector(1)", labels_of(declared.service, served[0]))
        for declared in graph.declarations
        if (served := graph.served(declared))
    ]
    return Group("owners", profile.slow_interval, rules)


def owned(expr: str) -> str:
    """Return an expression by service with the labels of its owner. A service without owner is not left out."""
    return f"(\n{expr}\n) * on (service) group_left (owner, tier) {OWNER}\nor on (service)\n(\n{expr}\n)"


def cause_rules(found: Sequence[Cause]) -> Iterator[Recording]:
    """Yield the condition of each cause."""
    for cause in found:
        yield Recording(CAUSE, cause.expr, {"cause": cause.alert})


def cause_alerts(found: Sequence[Cause], profile: Profile) -> Iterator[Alert]:
    """Yield the alerts of each cause."""
    burning = f'max by (service) ({BURNING}{{severity="page"}}) == 1'
    for number, cause in enumerate(found):
        # Not `for`: it would start again when calls begin to fail, and the ticket becomes a page.
        active = f'max by (service) (min_over_time({CAUSE}{{cause="{cause.alert}"}}[{cause.pending}])) == 1'
        if number:
            active += f"\nunless on (service)\n({explained([each.alert for each in found[:number]], profile)})"
        for severity, word in (("page", "and"), ("ticket", "unless")):
            expr = owned(f"{active}\n{word} on (service) ({burning})")
            yield Alert(cause.alert, expr, severity, cause.summary, cause.description, SERVICE)


def explained(names: Sequence[str], profile: Profile) -> str:
    """Return the services with one of these causes or alerts, now or recently."""
    pattern = "|".join(names)
    now = f'max_over_time({CAUSE}{{cause=~"{pattern}"}}[{profile.pending}]) > 0'
    fired = f'max_over_time(ALERTS{{alertname=~"{pattern}", alertstate="firing"}}[{profile.hold}])'
    return f"{now}\nor\n{fired}"
