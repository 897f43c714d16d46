"""The code and the links of Markdown files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.tidy.tree import Tree

SHELLS = ("sh", "bash", "console")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Document:
    """A Markdown file."""

    file: PurePosixPath
    text: str

    @property
    def spans(self) -> list[str]:
        """The text of each code span; one may continue on the next line."""
        return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCE.sub("", self.text))]

    @property
    def shell(self) -> str:
        """The lines of shell blocks (fenced or indented by four) without their comments."""
        fenced = [body for language, body in FENCE.findall(self.text) if language in SHELLS]
        blocks = FENCE.sub("", self.text).split("\n\n")
        indented = [block for block in blocks if all(line.startswith("    ") for line in block.strip("\n").split("\n"))]
        return re.sub(r"(^|\s)#.*$", "", "\n".join(fenced + indented), flags=re.MULTILINE)

    @property
    def code(self) -> list[str]:
        """The lines of code: those in fenced blocks, and those indented by four spaces."""
        fenced = [line for _, body in FENCE.findall(self.text) for line in body.split("\n")]
        return fenced + [line for line in FENCE.sub("", self.text).split("\n") if line.startswith("    ")]

    @property
    def anchors(self) -> set[str]:
        """The anchor of each heading, as GitHub makes it: in lower case, without punctuation, with `-` for spaces."""
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    @property
    def anchored_links(self) -> list[tuple[str, str]]:
        """The target and the anchor of each link to a heading; the target is empty within the same document."""
        return re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", self.text)

    @property
    def links(self) -> list[str]:
        """The targets of links, except those on the web and in the same document."""
        targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", self.text)]
        return [target for target in targets if target and "://" not in target]


def documents(tree: Tree) -> Iterator[Document]:
    """Yield each Markdown file."""
    return (Document(file, tree.text(file)) for file in tree.under(suffix=".md"))
