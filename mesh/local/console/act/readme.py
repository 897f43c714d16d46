"""The README of a scenario as parts that a page can show without inserting HTML."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

SCENARIO_LINK = re.compile(r"\.\./([a-z-]+)/?")
MARKDOWN = MarkdownIt("commonmark").enable("table")


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
    """Parse Markdown into the blocks that the READMEs of scenarios have. What is none of them becomes a paragraph."""
    return [_block(node) for node in SyntaxTreeNode(MARKDOWN.parse(text)).children]


def _block(node: SyntaxTreeNode) -> Block:
    match node.type:
        case "heading":
            return Block("heading", "".join(span.text for span in _spans(node)))
        case "fence" | "code_block":
            return Block("code", node.content.removesuffix("\n"))
        case "bullet_list" | "ordered_list":
            return Block("list", rows=[[_spans(item)] for item in node.children])
        case "table":
            return Block(
                "table",
                rows=[[_spans(cell) for cell in row.children] for part in node.children for row in part.children],
            )
    return Block("paragraph", rows=[[_spans(node)]])


def _spans(node: SyntaxTreeNode) -> list[Span]:
    """Return the pieces of everything in a block; neighbouring texts are one."""
    found: list[Span] = []
    for span in (span for child in node.walk() if child.type == "inline" for span in _inline(child)):
        if found and (found[-1].kind, span.kind) == ("text", "text"):
            found[-1] = Span("text", found[-1].text + span.text)
        elif span.text:
            found.append(span)
    return found


def _inline(node: SyntaxTreeNode) -> Iterator[Span]:
    for child in node.children:
        match child.type:
            case "text":
                yield Span("text", child.content)
            case "code_inline":
                yield Span("code", child.content)
            case "softbreak" | "hardbreak":
                yield Span("text", " ")
            case "strong":
                yield Span("strong", "".join(span.text for span in _inline(child)))
            case "link" if scenario := SCENARIO_LINK.fullmatch(str(child.attrs["href"])):
                yield Span("scenario", "".join(span.text for span in _inline(child)), scenario[1])
            case _:  # of any other link and emphasis, the text
                yield from _inline(child)
