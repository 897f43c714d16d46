"""Says where a verdict comes from, and what the smallest change is that would allow the call."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mesh.local.clients.kubectl import NAMESPACE
from mesh.local.matrix.callers import Caller, callers
from mesh.local.matrix.declared import Method, Service
from mesh.local.why.chains import refusal
from mesh.local.why.decision import Details, decide
from mesh.local.why.live import Live, full_name
from mesh.local.why.matchers import Json
from mesh.local.why.names import Subject, of_caller
from mesh.local.why.sources import Line, Sources
from mesh.local.why.verdict import Decision, Reason, Rule, Verdict

BY_HAND = "applied by hand"
REGENERATE = "then `make generate up`"
UNDECLARED = {Reason.NO_ALLOW_RULE, Reason.NO_ROUTE}


@dataclass(frozen=True)
class Origin:
    """Where a verdict comes from: a line of the checkout, or words if there is none."""

    line: Line | None
    note: str = ""

    def __str__(self) -> str:
        """Format it: the line, then the note."""
        return " ".join(filter(None, [str(self.line or ""), self.note]))


@dataclass(frozen=True)
class Explainer:
    """Explains decisions about the methods of a checkout, in one cluster."""

    live: Live
    sources: Sources
    methods: Sequence[Method]
    services: Sequence[Service]

    def origin(self, decision: Decision, verdict: Verdict) -> Origin:
        """Return where a verdict comes from."""
        if verdict.reason in {Reason.ALLOW_RULE, Reason.DENY_RULE}:
            return self._origin_of_rule(decision, verdict.rules[0])
        if verdict.reason in UNDECLARED:
            return self._origin_of_refusal(decision)
        return Origin(None)

    def policy(self, rule: Rule) -> Json | None:
        """Return the AuthorizationPolicy of a rule; None if it is gone, and a proxy does not know that yet."""
        for policy in self.live.objects("AuthorizationPolicy"):
            if full_name(policy) == rule.policy:
                return policy
        return None

    def advice(self, decision: Decision, details: Details) -> list[str]:
        """Return the changes that would allow a refused call, all of which it needs; empty if it is allowed."""
        if decision.allowed:
            return []
        if not decision.subject.is_inside and (login := self._login(decision, details)):
            return [login]
        return list(dict.fromkeys(step for verdict in decision.denials for step in self._steps(decision, verdict)))

    def _origin_of_rule(self, decision: Decision, rule: Rule) -> Origin:
        if not (policy := self.policy(rule)):
            return Origin(None, "deleted a moment ago")
        if manifest := self.sources.manifest(policy):
            if not manifest.is_generated:
                return Origin(manifest.line(rule.index))
            return Origin(self._declared(decision) or manifest.line(rule.index))
        if namesakes := self.sources.namesakes(policy):
            return Origin(None, f"changed by hand: it differs from {namesakes[0].start.file}")
        return Origin(None, BY_HAND)

    def _declared(self, decision: Decision) -> Line | None:
        """Return the line that allows a call: for a service in its service.yaml, for others in the contract."""
        if not decision.subject.is_inside:
            return self.sources.contract(decision.method)
        return self.sources.declared_call(_service(decision.subject), decision.method)

    def _origin_of_refusal(self, decision: Decision) -> Origin:
        """Return the line that would have to allow a call."""
        method, subject = decision.method, decision.subject
        if subject.declared.may_call(method):
            return Origin(self._declared(decision), "allows it, but the policies in effect are others")
        if not subject.is_inside:
            return Origin(self.sources.contract(method), f"({_audience(method)})")
        if line := self.sources.other_calls(_service(subject), method):
            return Origin(line, f"(without {_short(method)})")
        if line := self.sources.declaration(_service(subject)):
            return Origin(line, f"(its `calls` do not have {_short(method)})")
        return Origin(self.sources.contract(method), f"(no service.yaml declares {subject.account})")

    def _login(self, decision: Decision, details: Details) -> str:
        """Return how a caller outside would have to log in; empty if no login allows the call."""
        everyone = [each for each in callers(self.methods, self.services) if not each.inside and each.logged_in]
        for caller in everyone:
            if decide(self.live, of_caller(caller, self.live), decision.method, details).allowed:
                return _how_to_log_in(caller)
        return ""

    def _steps(self, decision: Decision, verdict: Verdict) -> Iterator[str]:
        if verdict.reason is Reason.DENY_RULE:
            for rule in verdict.rules:
                action = (self.policy(rule) or {}).get("spec", {}).get("action", "DENY")
                yield (
                    f"delete the {action} policy {rule.policy}, or change its rule {rule.index}:\n"
                    f"  kubectl delete authorizationpolicy -n {rule.namespace} {rule.name}"
                )
        elif verdict.reason in UNDECLARED:
            yield self._declare(decision)
        elif verdict.reason is Reason.MTLS:
            yield (
                "give both a sidecar, and let PeerAuthentication and DestinationRule agree on mutual TLS:\n"
                "  kubectl get peerauthentications,destinationrules -A"
            )
        else:
            issuer = (decision.subject.claims or {}).get("iss")
            yield f"let a RequestAuthentication accept {issuer}:\n  kubectl get requestauthentications -A"

    def _declare(self, decision: Decision) -> str:
        method, subject = decision.method, decision.subject
        if subject.declared.may_call(method):
            return "apply the generated policies again, which differ from those in effect: `mesh up`"
        if not subject.is_inside:
            return self._publish(method)
        if not self.sources.declaration(_service(subject)):
            has_route = all(verdict.reason is not Reason.NO_ROUTE for verdict in decision.denials)
            objects = "an ALLOW policy" if has_route else "a Sidecar and an ALLOW policy"
            return (
                f"apply {objects} that let {subject.account} call {method.service},\n"
                f"or declare a service (CONTRIBUTING.md, Add a service)"
            )
        return self._add_call(_service(subject), method)

    def _publish(self, method: Method) -> str:
        line = self.sources.contract(method)
        if method.is_public:
            return f"change its audience and roles in {line}, {REGENERATE}"
        option = "option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN};"
        return f"the contract makes it internal. Add this in {line}, {REGENERATE}:\n  {option}"

    def _add_call(self, service: str, method: Method) -> str:
        if reason := refusal(self.services, self.methods, service, method.service):
            return reason
        if line := self.sources.other_calls(service, method):
            return f"add {_short(method)} to the list in {line}, {REGENERATE}"
        call = f"{{to: {method.name.partition('/')[0]}, methods: [{_short(method)}]}}"
        if line := self.sources.calls(service):
            return f"add this to the list in {line}, {REGENERATE}:\n  - {call}"
        return f"add this to {self.sources.file(service)}, {REGENERATE}:\n  calls: [{call}]"


def _service(subject: Subject) -> str:
    """Return the name of a caller inside as a service; empty if its namespace is not the shop's."""
    namespace, _, account = subject.account.partition("/")
    return account if namespace == NAMESPACE else ""


def _short(method: Method) -> str:
    return method.name.partition("/")[2]


def _audience(method: Method) -> str:
    if not method.is_public:
        return "no `audience`: it is internal"
    return f"it needs {' or '.join(['the role ' + role for role in sorted(method.roles)]) or 'a login'}"


def _how_to_log_in(caller: Caller) -> str:
    if not caller.role:
        return "log in, and send the token: `mesh token`"
    return f"the role {caller.role} is needed: `mesh token --role {caller.role}`"
