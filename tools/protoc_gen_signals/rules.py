"""Rules as Prometheus and vmalert read them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent

from tools.protoc_gen_istio.manifests import Literal, Manifest, OneLine


@dataclass(frozen=True)
class Recording:
    """A rule that stores the result of an expression as another metric."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> Manifest:
        """Return the rule as it is written."""
        rule: Manifest = {"record": self.record, "expr": Literal(_text(self.expr))}
        return {**rule, "labels": OneLine({**self.labels})} if self.labels else rule


@dataclass(frozen=True)
class Alert:
    """A rule that fires for each series of its expression. Annotations are templates of Prometheus."""

    alert: str
    expr: str
    severity: str
    """page: users are harmed, now. ticket: a person has to act within days. info: it explains something."""
    summary: str
    description: str
    dashboard: str
    pending: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def runbook(self) -> str:
        """The name of the runbook's file without its suffix: "service-errors" for ServiceErrors."""
        return "".join(f"-{char.lower()}" if char.isupper() else char for char in self.alert).lstrip("-")

    def plain(self, runbooks: str) -> Manifest:
        """Return the rule as it is written, with its runbook below a folder or URL."""
        return {
            "alert": self.alert,
            "expr": Literal(_text(self.expr)),
            **({"for": self.pending} if self.pending else {}),
            "labels": OneLine({"severity": self.severity, **self.labels}),
            "annotations": {
                "summary": self.summary,
                "description": " ".join(self.description.split()),
                "runbook": f"{runbooks}/{self.runbook}.md",
                "dashboard": self.dashboard,
            },
        }


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after the other."""

    name: str
    interval: str
    rules: Sequence[Recording | Alert]

    def plain(self, runbooks: str) -> Manifest:
        """Return the group as it is written."""
        rules = [each.plain(runbooks) if isinstance(each, Alert) else each.plain() for each in self.rules]
        return {"name": self.name, "interval": self.interval, "rules": rules}

    @property
    def alerts(self) -> Iterator[Alert]:
        """The alerts of the group."""
        return (each for each in self.rules if isinstance(each, Alert))


def _text(expr: str) -> str:
    return dedent(expr).strip()
