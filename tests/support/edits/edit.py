"""An edit of the contracts with its expected verdict."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

ANALYTICS, CATALOG, IDENTITY, INVENTORY, NOTIFICATIONS, ORDERS, PAYMENTS, SHIPPING = (
    f"proto/shop/{context}/v1/{context}.proto"
    for context in ("analytics", "catalog", "identity", "inventory", "notifications", "orders", "payments", "shipping")
)
EVENTS = "proto/shop/orders/v1/events.proto"
ORDERS_V2 = "proto/shop/orders/v2/orders.proto"
RULES = "proto/shop/rules/v1/rules.proto"
OPTIONS = "proto/mesh/options/v1/options.proto"
EVENT_USERS = "analytics, inventory, notifications, operator, orders"
"""The producer and the consumers of the events of orders."""


@dataclass(frozen=True)
class Replacement:
    """A text that occurs once in a file, and its replacement. Without `old`, `new` is appended to the file.

    If `old` ends with "…", it stands for the whole statement that begins so: the declaration of a field.
    """

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Apply it below a folder. Create the file if it does not exist and `old` is empty."""
        path = root / self.file
        before = path.read_text(encoding="utf-8") if self.old or path.exists() else ""
        start, dots, _ = self.old.partition("…")
        found = re.findall(re.escape(start) + (r"[^;]*;\n" if dots else ""), before)
        assert not self.old or len(found) == 1, f"{self.file} contains {self.old!r} {len(found)} times"
        after = before.replace(found[0], self.new) if self.old else before + self.new
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(after, encoding="utf-8")


@dataclass(frozen=True)
class Edit:
    """An edit with its expected verdict: `findings` for a breaking one, `notes` for a compatible one."""

    replacements: tuple[Replacement, ...]
    findings: tuple[tuple[str, str], ...] = ()
    """The subject and level of each finding, as in the report."""
    consumers: str = ""
    notes: tuple[str, ...] = ()
    """The lines about compatible changes, complete."""
    false_alarm: str = ""
    """Why a compatible edit is reported nevertheless; empty for all edits but at most two."""

    @property
    def is_breaking(self) -> bool:
        """Whether it breaks callers. A false alarm does not."""
        return bool(self.findings) and not self.false_alarm

    def also(self, file: str, old: str, new: str) -> "Edit":
        """Return the edit with one more replacement."""
        return replace(self, replacements=(*self.replacements, Replacement(file, old, new)))

    def breaks(self, subject: str, level: str, consumers: str = "") -> "Edit":
        """Return the edit with one more expected finding, and with the consumers of all findings."""
        return replace(self, findings=(*self.findings, (subject, level)), consumers=consumers or self.consumers)

    def passes(self, *notes: str) -> "Edit":
        """Return the edit with the expected lines of a compatible one."""
        return replace(self, notes=notes)


def edit(file: str, old: str, new: str) -> Edit:
    """Create an edit. Without `old`, `new` is appended to the file."""
    return Edit((Replacement(file, old, new),))
