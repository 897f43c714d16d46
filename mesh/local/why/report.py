"""Prints a decision: as lines for people, or as JSON for programs."""

from typing import Any

from rich.console import Console

from mesh.local.why.explain import Explainer
from mesh.local.why.verdict import Decision, Reason, Verdict


def as_json(decision: Decision, explainer: Explainer, advice: list[str]) -> dict[str, Any]:
    """Return a decision with all its parts. `decided_by` is one of the `proxies`."""
    verdicts = [_verdict(each, decision, explainer) for each in decision.verdicts]
    return {
        "caller": decision.subject.name,
        "method": decision.method.name,
        "allowed": decision.allowed,
        "decided_by": verdicts[decision.verdicts.index(decision.decisive)],
        "proxies": verdicts,
        "to_allow": advice,
    }


def _verdict(verdict: Verdict, decision: Decision, explainer: Explainer) -> dict[str, Any]:
    origin = explainer.origin(decision, verdict)
    return {
        "proxy": verdict.place,
        "pod": verdict.pod,
        "allowed": verdict.allowed,
        "reason": verdict.reason.name,
        "rules": [
            {"kind": "AuthorizationPolicy", "namespace": rule.namespace, "name": rule.name, "rule": rule.index}
            for rule in verdict.rules
        ],
        "resource": verdict.resource or None,
        "line": str(origin.line) if origin.line else None,
        "note": origin.note or None,
    }


def show(decision: Decision, explainer: Explainer, advice: list[str], console: Console) -> None:
    """Print the result, what each proxy decides, and what would allow the call."""
    result, may = ("allowed", "may") if decision.allowed else ("denied", "may not")
    lines = [f"{result}: {decision.subject.name} {may} call {decision.method.name}"]
    for verdict in decision.verdicts:
        absent = "" if verdict.pod else " (as Sidecar and VirtualService define it: it has no Pod now)"
        decides = ", which decides" if not decision.allowed and verdict is decision.decisive else ""
        lines.append(f"  {'✓' if verdict.allowed else '✗'} {verdict.place}{decides}: {_because(verdict)}{absent}")
        details = [_policies(verdict), str(explainer.origin(decision, verdict))]
        lines += [line for line in (f"      {detail}" for detail in details if detail) if line not in lines]
    if advice:
        lines += ["to allow it:", *(f"  {line}" for step in advice for line in step.splitlines())]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _policies(verdict: Verdict) -> str:
    """Return the policies of a proxy that do not allow the call, by namespace; empty for other verdicts."""
    if verdict.reason is not Reason.NO_ALLOW_RULE:
        return ""
    names: dict[str, list[str]] = {}
    for rule in verdict.rules:
        names.setdefault(rule.namespace, []).append(rule.name)
    return "; ".join(f"in {namespace}: {', '.join(found)}" for namespace, found in names.items())


def _because(verdict: Verdict) -> str:
    match verdict.reason:
        case Reason.ALLOW_RULE | Reason.DENY_RULE:
            action = verdict.reason.name.partition("_")[0]
            rule = verdict.rules[0]
            return f"{action} by rule {rule.index} of the AuthorizationPolicy {rule.policy}"
        case _:
            by = f", by the {verdict.resource}" if verdict.resource else ""
            return f"{verdict.reason.value}{by}"
