"""The alerts of each service: its calls fail, or are slow, and nothing else explains it.

A fault of a service makes the calls of its callers fail, too. Only the service where the failures begin has an alert:
the alerts of its callers are inhibited while calls to it miss their objective. service.yaml has the callers.
"""

from collections.abc import Iterator

from tools.protoc_gen_istio.contracts import Contract
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_signals.causes import CAUSE, Cause
from tools.protoc_gen_signals.indicators import BURNING, BURNING_METHOD, SIGNALS, labels_of, ratio
from tools.protoc_gen_signals.profiles import Profile
from tools.protoc_gen_signals.rules import Alert

NAMES = {"errors": "ServiceErrors", "slow": "ServiceSlow"}
TEXTS = {
    "errors": "Calls to {} fail",
    "slow": "Calls to {} are slow",
}


def severities(profile: Profile) -> list[str]:
    """Return the severities of the alerts of a profile."""
    return ["page", *(["ticket"] if profile.ticket else [])]


def served(graph: Graph) -> Iterator[tuple[Declaration, Contract]]:
    """Yield the services with methods, each with its first contract."""
    for declared in graph.declarations:
        if contracts := graph.served(declared):
            yield declared, contracts[0]


def reachable(graph: Graph, service: str) -> list[str]:
    """Return the services that a service calls, and those that they call."""
    declared = {each.service: each for each in graph.declarations}
    found: list[str] = []
    pending = [service]
    while pending:
        new = [name for name in graph.callees(declared[pending.pop()]) if name not in found and name != service]
        found += new
        pending += new
    return sorted(found)


def _explanations(graph: Graph, service: str, severity: str, profile: Profile, causes: list[Cause]) -> str:
    """Return what explains the bad calls of a service: a cause, or a service that it calls.

    It is part of each alert, and no recording rule: that would be a step later than what it inhibits.
    """
    names = "|".join(cause.alert for cause in causes)
    callees = reachable(graph, service)
    everyone = "|".join([service, *callees])
    terms = [
        f'max_over_time({CAUSE}{{service=~"{everyone}"}}[{profile.pending}]) > 0',
        f"max_over_time({_firing(names, everyone)}[{profile.hold}])",
    ]
    if callees:
        burning = f'{BURNING}{{service=~"{"|".join(callees)}", severity="{severity}"}}'
        alerts = _firing("|".join(NAMES.values()), "|".join(callees))
        terms += [f"max_over_time({burning}[{profile.pending}]) > 0", f"max_over_time({alerts}[{profile.hold}])"]
    return "\n  or\n  ".join(terms)


def _firing(names: str, services: str) -> str:
    return f'ALERTS{{alertname=~"{names}", alertstate="firing", service=~"{services}"}}'


def service_alerts(graph: Graph, profile: Profile, causes: list[Cause]) -> Iterator[Alert]:
    """Yield the alerts of each service."""
    for declared, contract in served(graph):
        name = declared.service
        for severity in severities(profile):
            window = (profile.page if severity == "page" else profile.ticket)[0].short
            explained = _explanations(graph, name, severity, profile, causes)
            for signal in SIGNALS:
                condition = _condition(name, signal, severity, window, profile)
                yield Alert(
                    NAMES[signal],
                    f"{condition}\nunless on () (\n  {explained}\n)",
                    severity,
                    TEXTS[signal].format(name),
                    f"{_methods(name, signal, severity, window)} in {window}, more than the objectives allow. "
                    f"No other alert explains it.",
                    f"mesh-{name}",
                    profile.pending,
                    labels_of(name, contract),
                )


def _condition(service: str, signal: str, severity: str, window: str, profile: Profile) -> str:
    selector = f'service="{service}", severity="{severity}"'
    # The value is the share of bad calls of the worst method. So it is in the message.
    parts = [
        f'max by (service) (\n  {ratio(signal, window)}{{service="{service}"}}',
        f'  and on (service, method) ({BURNING_METHOD}{{{selector}, signal="{signal}"}} == 1)\n)',
    ]
    if severity == "ticket":
        # A ticket is about a slow leak, and not about what is left of an outage that has paged.
        paged = f'{BURNING}{{service="{service}", severity="page"}}'
        parts.append(f"unless on (service) (max by (service) (max_over_time({paged}[{window}])) > 0)")
    if signal == "slow":
        # A call that fails by its timeout is slow, too.
        errors = f'max_over_time({BURNING}{{{selector}, signal="errors"}}[{profile.pending}])'
        parts.append(f"unless on (service) ({errors} > 0)")
    return "\n".join(parts)


def _methods(service: str, signal: str, severity: str, window: str) -> str:
    """Return a template that lists the methods that miss their objective."""
    burning = f"{BURNING_METHOD}{{service='{service}', severity='{severity}', signal='{signal}'}} == 1"
    query = f"{ratio(signal, window)} and on (service, method) ({burning})"
    verb = "failed" if signal == "errors" else "were slow"
    return (
        f'{{{{ range query "{query}" }}}}{{{{ . | value | humanizePercentage }}}} of the calls of '
        f'{{{{ . | label "method" }}}} {verb}; {{{{ end }}}}measured'
    )
