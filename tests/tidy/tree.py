"""What the laws inspect: the files of a checkout, and Python files as syntax trees with full names."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath

from tests.support.checkout import git

BINARY_BYTES = 8000
"""Like git: a file with a NUL among so many first bytes is binary."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Tree:
    """A folder and the paths of its files, relative to the folder."""

    root: Path
    files: tuple[PurePosixPath, ...] = field(repr=False)

    @classmethod
    def of_git(cls, root: Path) -> "Tree":
        """Return the files that git tracks, or would add with `git add .`; ignored files do not count."""
        listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return cls(root, tuple(sorted(PurePosixPath(name) for name in listed if name and (root / name).is_file())))

    @classmethod
    def of_folder(cls, root: Path) -> "Tree":
        """Return all files of a folder."""
        paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return cls(root, tuple(sorted(PurePosixPath(path) for path in paths)))

    def text(self, file: PurePosixPath | str) -> str:
        """Return the text of a file, empty if it is binary. Bytes that are not UTF-8 are replaced."""
        path = self.root / file
        with path.open("rb") as content:
            # Some bytes of a picture would be words that a law refuses.
            if b"\0" in content.read(BINARY_BYTES):
                return ""
        return path.read_text(encoding="utf-8", errors="replace")

    def under(self, *folders: str, suffix: str = "") -> Iterator[PurePosixPath]:
        """Yield the files below any of the folders (by default below the root) whose names end with the suffix."""
        for file in self.files:
            if file.name.endswith(suffix) and (not folders or any(file.is_relative_to(folder) for folder in folders)):
                yield file

    def python(self, *folders: str) -> Iterator["Source"]:
        """Yield the Python files below any of the folders."""
        return (Source(file, self.text(file)) for file in self.under(*folders, suffix=".py"))

    def services(self) -> list[str]:
        """Return the names of the services: the folders in services/ with a __main__.py."""
        return sorted({file.parts[1] for file in self.under("services", suffix="__main__.py")})

    def contains(self, path: PurePosixPath) -> bool:
        """Return whether a file or folder has this path. `..` is resolved; `*` matches any part of a name."""
        pattern = PurePosixPath(normpath(path))
        paths = {each for file in self.files for each in (file, *file.parents)}
        return any(len(each.parts) == len(pattern.parts) and each.match(str(pattern)) for each in paths)


@dataclass(frozen=True)
class Source:
    """A Python file. Full names resolve imports: after `from asyncio import sleep as nap`, `nap` is "asyncio.sleep"."""

    file: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, str(self.file))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """The nodes of the syntax tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions and methods by name, nested ones included."""
        return {node.name: node for node in self.nodes if isinstance(node, Function)}

    @cached_property
    def docstrings(self) -> set[int]:
        """The ids of the nodes that are docstrings."""
        return {id(node.value) for node in self.nodes if isinstance(node, ast.Expr)}

    @cached_property
    def strings(self) -> list[tuple[int, str]]:
        """The strings in the code with their lines: parts of f-strings included, docstrings excluded."""
        return [
            (node.lineno, node.value)
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in self.docstrings
        ]

    @cached_property
    def imports(self) -> dict[str, int]:
        """The full names of imported modules and objects, with their lines."""
        return {name: line for _, name, line in self._imported}

    def full_name(self, node: ast.AST) -> str:
        """Return the full name of a node such as `grpc.aio.server`; "" if it is no name."""
        if isinstance(node, ast.Name):
            return self._aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            # The last part remains if the rest is no name: `stubs[0].Get` is ".Get".
            return f"{self.full_name(node.value)}.{node.attr}"
        return ""

    def imported_name(self, node: ast.AST) -> str:
        """Return the full name of a node that starts with an imported name; "" for any other node."""
        first = node
        while isinstance(first, ast.Attribute):
            first = first.value
        modules = {name.partition(".")[0] for alias, name, _ in self._imported if alias is None}
        is_imported = isinstance(first, ast.Name) and first.id in {*self._aliases, *modules}
        return self.full_name(node) if is_imported else ""

    def mentions(self, node: ast.AST, name: str) -> bool:
        """Return whether a node contains a full name."""
        return any(self.full_name(part) == name for part in ast.walk(node))

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return {alias: name for alias, name, _ in self._imported if alias}

    @cached_property
    def _imported(self) -> list[tuple[str | None, str, int]]:
        imported: list[tuple[str | None, str, int]] = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                imported += [(alias.asname, alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                # A relative import starts at the package of the file.
                package = self.file.parts[: len(self.file.parts) - node.level] if node.level else ()
                module = ".".join([*package, *([node.module] if node.module else [])])
                for alias in node.names:
                    imported.append((alias.asname or alias.name, f"{module}.{alias.name}", node.lineno))
        return imported
