"""What the laws are laid against: the files of a checkout, and Python files as syntax trees with full names."""

import ast
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Tree:
    """A folder and those of its files that count, as paths relative to it."""

    root: Path
    files: tuple[PurePosixPath, ...] = field(repr=False)

    @classmethod
    def of_git(cls, root: Path) -> "Tree":
        """Answer what git has, or would take at the next `git add`: what it ignores is nobody's business."""
        listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return cls(root, tuple(sorted(PurePosixPath(name) for name in listed if name and (root / name).is_file())))

    @classmethod
    def of_folder(cls, root: Path) -> "Tree":
        """Answer everything in a folder."""
        found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return cls(root, tuple(sorted(PurePosixPath(path) for path in found)))

    def text(self, file: PurePosixPath | str) -> str:
        """Answer a file's text; a byte that is none of UTF-8 becomes a mark."""
        return (self.root / file).read_text(encoding="utf-8", errors="replace")

    def under(self, *folders: str, suffix: str = "") -> Iterator[PurePosixPath]:
        """Answer the files in any of the folders (in all of them if none is named) whose names end so."""
        for file in self.files:
            if file.name.endswith(suffix) and (not folders or any(file.is_relative_to(folder) for folder in folders)):
                yield file

    def python(self, *folders: str) -> Iterator["Source"]:
        """Answer the Python files in any of the folders."""
        return (Source(file, self.text(file)) for file in self.under(*folders, suffix=".py"))

    def holds(self, path: PurePosixPath) -> bool:
        """Whether it is a file, or the folder of one; `..` leads up, and `*` stands for any part of a name."""
        wanted = PurePosixPath(normpath(path))
        every = {known for file in self.files for known in (file, *file.parents)}
        return any(len(known.parts) == len(wanted.parts) and known.match(str(wanted)) for known in every)


@dataclass(frozen=True)
class Source:
    """A Python file. Names are told in full: after `from asyncio import sleep as nap`, `nap` is "asyncio.sleep"."""

    file: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, str(self.file))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of its syntax tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Its functions and methods by their names, those within others too."""
        return {node.name: node for node in self.nodes if isinstance(node, Function)}

    @cached_property
    def docstrings(self) -> set[int]:
        """The ids of the nodes that are docstrings: they may tell of anything."""
        return {id(node.value) for node in self.nodes if isinstance(node, ast.Expr)}

    @cached_property
    def texts(self) -> list[tuple[int, str]]:
        """Every text in its code, a part of an f-string too, with the line; docstrings are left out."""
        return [
            (node.lineno, node.value)
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in self.docstrings
        ]

    @cached_property
    def imports(self) -> dict[str, int]:
        """Every module or name that it imports, in full, with the line."""
        found: dict[str, int] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name: node.lineno for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {f"{self._origin(node)}.{alias.name}": node.lineno for alias in node.names}
        return found

    def name(self, node: ast.AST) -> str:
        """Answer the full name of `grpc.aio.server` and the like; "" of anything that is not a name."""
        if isinstance(node, ast.Name):
            return self._aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            # The last part of a name stands even if what it belongs to has none: `stubs[0].Get` is ".Get".
            return f"{self.name(node.value)}.{node.attr}"
        return ""

    def mentions(self, node: ast.AST, name: str) -> bool:
        """Whether a full name stands anywhere in a node."""
        return any(self.name(part) == name for part in ast.walk(node))

    @cached_property
    def _aliases(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.asname or alias.name: f"{self._origin(node)}.{alias.name}" for alias in node.names}
        return found

    def _origin(self, node: ast.ImportFrom) -> str:
        """Answer where a `from … import` looks: relative ones are reckoned from the file's own package."""
        package = self.file.parts[: len(self.file.parts) - node.level] if node.level else ()
        return ".".join([*package, *([node.module] if node.module else [])])


def root_of(name: str) -> str:
    """Answer the package that a full name begins with."""
    return name.split(".", 1)[0]


def git(root: Path, *words: str) -> str:
    """Run git in a folder, whatever repository a hook around the tests may be at; its output."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["/usr/bin/env", "git", *words]
    return subprocess.run(command, cwd=root, env=settings, capture_output=True, check=True, text=True).stdout
