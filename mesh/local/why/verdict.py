"""What proxies decide about a call: the values that `decision.py` returns."""

import re
from dataclasses import dataclass
from enum import Enum

from mesh.local.errors import MeshError
from mesh.local.matrix.declared import Method
from mesh.local.why.names import Subject

RULE = re.compile(r"ns\[(?P<namespace>.*)\]-policy\[(?P<name>.*)\]-rule\[(?P<index>\d+)\]")


class Reason(Enum):
    """Why a proxy lets a call pass, or refuses it."""

    ALLOW_RULE = "a rule of an ALLOW policy matches"
    NO_POLICY = "no ALLOW policy selects it, so everything is allowed"
    ROUTE = "it has a route"
    DENY_RULE = "a rule of a DENY policy matches"
    NO_ALLOW_RULE = "no rule of its ALLOW policies matches"
    NO_ROUTE = "it has no route"
    TOKEN = "it does not accept the token"  # noqa: S105  # no password
    MTLS = "only one of the two sides uses mutual TLS"


@dataclass(frozen=True)
class Rule:
    """A rule of an AuthorizationPolicy, counted from 0."""

    namespace: str
    name: str
    index: int

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Read the name that istiod gives a rule. Raises MeshError."""
        if not (match := RULE.search(text)):
            raise MeshError(f"the RBAC rule {text} is not from an AuthorizationPolicy")
        return cls(match["namespace"], match["name"], int(match["index"]))

    @property
    def policy(self) -> str:
        """The policy, "<namespace>/<name>"."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Verdict:
    """What one proxy decides for one reason."""

    place: str
    """ "gateway", "sidecar of the caller" or "sidecar of <service>"."""
    pod: str
    """The Pod of the proxy; empty if the caller has none now, and its sidecar is what a Pod would have."""
    reason: Reason
    rules: tuple[Rule, ...] = ()
    """The rules that match; for NO_ALLOW_RULE, one of each policy that has none."""
    resource: str = ""
    """Kind and "<namespace>/<name>" of another object that decides, such as the VirtualService of a route."""

    @property
    def allowed(self) -> bool:
        """Whether the call passes."""
        return self.reason in {Reason.ALLOW_RULE, Reason.NO_POLICY, Reason.ROUTE}


@dataclass(frozen=True)
class Decision:
    """What happens to a call."""

    subject: Subject
    method: Method
    verdicts: tuple[Verdict, ...]
    """In the order of the proxies that the call passes. The proxies after a refusal are considered, too."""

    @property
    def allowed(self) -> bool:
        """Whether the call reaches the service."""
        return not self.denials

    @property
    def denials(self) -> tuple[Verdict, ...]:
        """The reasons that refuse the call. The first one decides."""
        return tuple(verdict for verdict in self.verdicts if not verdict.allowed)

    @property
    def decisive(self) -> Verdict:
        """The refusal that decides, or the last permission."""
        return (self.denials or self.verdicts[-1:])[0]
