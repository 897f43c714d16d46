"""Markdown files as what they show in code, and where they link to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.tidy.tree import Tree

SHELL = ("sh", "bash", "console")


@dataclass(frozen=True)
class Document:
    """A Markdown file: its code, as spans within a line, and as what stands in blocks of a shell."""

    file: PurePosixPath
    text: str

    @property
    def spans(self) -> list[str]:
        """Every `span`; one may go on in the next line."""
        return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", self._fence.sub("", self.text))]

    @property
    def shell(self) -> str:
        """The lines that a reader may type, without their comments: fenced as a shell's, or indented by four."""
        fenced = [body for language, body in self._fence.findall(self.text) if language in SHELL]
        blocks = self._fence.sub("", self.text).split("\n\n")
        indented = [block for block in blocks if all(line.startswith("    ") for line in block.strip("\n").split("\n"))]
        return re.sub(r"(^|\s)#.*$", "", "\n".join(fenced + indented), flags=re.MULTILINE)

    @property
    def links(self) -> list[str]:
        """Every target of a link, but those on the web and in the document itself."""
        targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", self.text)]
        return [target for target in targets if target and "://" not in target]

    _fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documents(tree: Tree) -> Iterator[Document]:
    """Answer every Markdown file."""
    return (Document(file, tree.text(file)) for file in tree.under(suffix=".md"))
