"""The buf.validate rules of an element, in a form that can be compared: one entry for each rule."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from tools.breaking.image import Element, Image
from tools.breaking.samples.literals import Literals, read

FIELD, MESSAGE, ONEOF, PREDEFINED = (f"buf.validate.{name}" for name in ("field", "message", "oneof", "predefined"))
IGNORE_IF_ZERO_VALUE, IGNORE_ALWAYS = 1, 3
APPLIES_TO_ZERO = "applies to a missing value"
EXPRESSIONS = ("cel", "cel_expression")
LOWER, UPPER = ("gt", "gte"), ("lt", "lte")
GROW = {"max_len", "max_bytes", "max_items", "max_pairs", *UPPER}
"""Rules that accept more with a larger number."""
SHRINK = {"min_len", "min_bytes", "min_items", "min_pairs", *LOWER}
"""Rules that accept more with a smaller number."""
LIMITS = {
    **{f"{sign}{kind}32": (-(2**31), 2**31 - 1) for sign in ("", "s") for kind in ("int", "fixed")},
    **{f"{sign}{kind}64": (-(2**63), 2**63 - 1) for sign in ("", "s") for kind in ("int", "fixed")},
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "fixed32": (0, 2**32 - 1),
    "fixed64": (0, 2**64 - 1),
}

Value = str | Decimal | frozenset[str]


@dataclass
class Rules:
    """The rules of a field, a oneof or a message."""

    values: dict[str, Value] = field(default_factory=dict)
    """By name: "string.max_len", "cel this.units > 0". "(shop.rules.v1.text)" is the expression of a predefined rule,
    "string.(shop.rules.v1.text)" its parameter."""
    literals: Literals = field(default_factory=Literals)
    names: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    """The names in `values` of a rule, by its path in a violation."""

    def imply(self, other: "Rules") -> bool:
        """Return whether these rules surely accept nothing that `other` rejects."""
        if any(_ranges(each) != _ranges(other) and not _is_ordered(each) for each in (self, other)):
            return False
        return all(
            name in self.values and _implies(name, self.values[name], other.values[name]) for name in other.values
        )

    def changed_since(self, older: "Rules") -> set[str]:
        """Return the names of rules that are new or have another value."""
        return {name for name, value in self.values.items() if older.values.get(name) != value}


def rules_of(image: Image, element: Element) -> Rules:
    """Return the rules of a field, a oneof or a message."""
    options = image.options(element.proto.options)
    rules = Rules()
    if element.kind == "oneof":
        if (option := options.get(ONEOF)) is not None and option.required:
            _add(rules, ("required",), "")
    elif element.kind == "message":
        if (option := options.get(MESSAGE)) is not None:
            _read(image, option, (), rules)
    elif (option := options.get(FIELD)) is not None and option.ignore != IGNORE_ALWAYS:
        _read(image, option, (), rules)
        if rules.values and option.ignore != IGNORE_IF_ZERO_VALUE and not image.field(element).has_presence:
            rules.values[APPLIES_TO_ZERO] = ""
    return rules


def _read(image: Image, option: Any, prefix: tuple[str, ...], rules: Rules) -> None:  # noqa: ANN401  # dynamic
    for rule, value in option.ListFields():
        path = (*prefix, f"[{rule.full_name}]" if rule.is_extension else rule.name)
        if rule.name in EXPRESSIONS and not rule.is_extension:
            _expressions(value, path, rules)
        elif rule.name == "oneof" and not prefix:
            for each in value:
                name = f"oneof {', '.join(sorted(each.fields))}"
                _add(rules, ("message.oneof",), "required" if each.required else "", name)
        elif rule.is_extension:
            _predefined(image, rule, value, path, rules)
        elif rule.is_repeated:
            if rule.name != "example":
                _add(rules, path, frozenset(map(str, value)))
                rules.literals |= _literals(rule, value)
        elif rule.message_type and rule.message_type.full_name.startswith("buf.validate."):
            _read(image, value, path, rules)
        elif not _is_trivial(path, value):
            rules.literals |= _literals(rule, [value])
            _add(rules, path, _plain(value))


def _expressions(values: Any, path: tuple[str, ...], rules: Rules) -> None:  # noqa: ANN401  # dynamic
    for number, each in enumerate(values):
        text = " ".join(str(getattr(each, "expression", each)).split())
        name = ".".join((*path[:-1], f"cel {text}"))
        _add(rules, (*path, str(number)), "", name)
        # A violation of a message's expression has only this id.
        _add(rules, (getattr(each, "id", "") or text,), "", name)
        rules.literals |= read([text])


def _predefined(image: Image, rule: Any, value: Any, path: tuple[str, ...], rules: Rules) -> None:  # noqa: ANN401
    if value is False:
        return
    name = f"({rule.full_name})"
    expressions = [" ".join(each.expression.split()) for each in image.options(rule.GetOptions())[PREDEFINED].cel]
    _add(rules, path, _plain(value), ".".join((*path[:-1], name)))
    _add(rules, path, " and ".join(expressions), name)
    values = list(value) if rule.is_repeated else [value]
    rules.literals |= read(expressions)
    rules.literals |= _literals(rule, values)
    # `rule + '/'` is a word of the rule.
    additions = {word for text in expressions for word in re.findall(r"rule \+ '([^']*)'", text)}
    rules.literals.words |= {f"{each}{word}" for each in values if isinstance(each, str) for word in additions}


def _add(rules: Rules, path: tuple[str, ...], value: Value, name: str = "") -> None:
    name = name or ".".join(path)
    rules.values[name] = value
    rules.names.setdefault(path, set()).add(name)


def _plain(value: Any) -> Value:  # noqa: ANN401  # the value of any rule
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(value)
    return " ".join(str(value).split()) if hasattr(value, "DESCRIPTOR") else str(value)


def _literals(rule: FieldDescriptor, values: Any) -> Literals:  # noqa: ANN401  # the values of any rule
    found = Literals()
    for value in values:
        if isinstance(value, str):
            found.add_pattern(value) if rule.name == "pattern" else found.words.add(value)
        elif isinstance(value, bytes):
            found.words.add(value.decode("latin-1"))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.numbers |= {Decimal(value)} if abs(value) != float("inf") else set()
        elif hasattr(value, "nanos"):
            found.seconds.add(Decimal(value.seconds) + Decimal(value.nanos).scaleb(-9))
        elif hasattr(value, "paths"):
            found.words |= set(value.paths)
    return found


def _is_trivial(path: tuple[str, ...], value: Any) -> bool:  # noqa: ANN401  # the value of any rule
    """Return whether a rule accepts everything."""
    name = path[-1]
    if value is False or name in {"ignore", "strict"}:
        return name != "strict"
    limits = next((LIMITS[part] for part in reversed(path[:-1]) if part in LIMITS), None)
    if limits and name in {"gte", "lte"}:
        return bool(value == limits[name == "lte"])
    return name.startswith("min_") and value == 0


def _implies(name: str, older: Value, newer: Value) -> bool:
    rule = name.rpartition(".")[2]
    if older == newer:
        return True
    if isinstance(older, frozenset) and isinstance(newer, frozenset):
        return older <= newer if rule == "in" else newer <= older if rule == "not_in" else False
    if isinstance(older, Decimal) and isinstance(newer, Decimal):
        return (rule in GROW and older <= newer) or (rule in SHRINK and older >= newer)
    return False


def _ranges(rules: Rules) -> Mapping[str, Value]:
    return {name: value for name, value in rules.values.items() if name.rpartition(".")[2] in {*LOWER, *UPPER}}


def _is_ordered(rules: Rules) -> bool:
    """Return whether no range is reversed. Values outside of a reversed range are valid, not those inside."""
    bounds: dict[str, list[Value | None]] = {}
    for name, value in _ranges(rules).items():
        prefix, _, rule = name.rpartition(".")
        bounds.setdefault(prefix, [None, None])[rule in UPPER] = value
    return all(_below(low, high) for low, high in bounds.values())


def _below(low: Value | None, high: Value | None) -> bool:
    if low is None or high is None:
        return True
    return isinstance(low, Decimal) and isinstance(high, Decimal) and low < high


def explain(before: Rules, after: Rules) -> Iterator[str]:
    """Yield each difference between two states of an element's rules, in words."""
    for name in {**before.values, **after.values}:
        old, new = before.values.get(name), after.values.get(name)
        if old != new:
            yield f"{name}: {_show(old)} -> {_show(new)}" if old and new else f"{'no ' if new is None else ''}{name}"


def _show(value: Value | None) -> str:
    if value is None:
        return "none"
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)
