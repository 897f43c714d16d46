"""The README of a scenario as parts that a page can show without inserting HTML."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\[(?P<text>[^\]]+)\]\((?P<target>[^)]+)\)")
SCENARIO_LINK = re.compile(r"\.\./([a-z-]+)/?")
ITEM = re.compile(r"(?:[-*]|\d+\.) +")


@dataclass(frozen=True)
class Span:
    """A piece of a line: `text`, `code`, `strong`, or a `scenario`, which is a link to it."""

    kind: str
    text: str
    target: str = ""
    """The name of the scenario."""


@dataclass(frozen=True)
class Block:
    """A `heading`, `paragraph`, `code`, `list` or `table`. The first row of a table is its header."""

    kind: str
    text: str = ""
    """Of a heading and of code."""
    rows: Sequence[Sequence[Sequence[Span]]] = field(default_factory=list)
    """Rows of cells of spans; a paragraph is one cell, an item of a list is a row with one cell."""


def parse(text: str) -> list[Block]:
    """Parse the few constructs of Markdown that the READMEs of scenarios use."""
    return list(_blocks(text.splitlines()))


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        if line.startswith("```"):
            end = rest.index("```") if "```" in rest else len(rest)
            yield Block("code", "\n".join(rest[:end]))
            rest = rest[end + 1 :]
        elif line.startswith("#"):
            yield Block("heading", line.lstrip("# "))
        elif line.strip():
            group = [line]
            while rest and rest[0].strip() and not rest[0].startswith(("#", "```")):
                group.append(rest.pop(0))
            yield _group(group)


def _group(lines: Sequence[str]) -> Block:
    """Read lines that belong together. A line of a list that begins no item continues the one before."""
    if lines[0].startswith("|"):
        rows = [[spans(cell.strip()) for cell in line.strip("| ").split(" | ")] for line in lines]
        return Block("table", rows=[rows[0], *rows[2:]])
    if ITEM.match(lines[0]):
        items: list[str] = []
        for line in lines:
            if ITEM.match(line):
                items.append(ITEM.sub("", line, count=1))
            else:
                items[-1] += f" {line.strip()}"
        return Block("list", rows=[[spans(item)] for item in items])
    return Block("paragraph", rows=[[spans(" ".join(lines))]])


def spans(text: str) -> list[Span]:
    """Split a text into its pieces. A link to something other than a scenario is its text."""
    found, end = [], 0
    for match in INLINE.finditer(text):
        if match.start() > end:
            found.append(Span("text", text[end : match.start()]))
        end = match.end()
        if match["code"]:
            found.append(Span("code", match["code"]))
        elif match["strong"]:
            found.append(Span("strong", match["strong"]))
        elif scenario := SCENARIO_LINK.fullmatch(match["target"]):
            found.append(Span("scenario", match["text"], scenario[1]))
        else:
            found.append(Span("text", match["text"]))
    if end < len(text):
        found.append(Span("text", text[end:]))
    return found
