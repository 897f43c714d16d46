"""Laws about Makefiles: no text of the command line reaches a shell as code."""

import re
from collections.abc import Iterator

from tests.tidy.tree import Tree

NAMES = re.compile(r"(GNUm|M|m)akefile|.*\.(mk|make)")
CONSTANT = re.compile(r"^override (\w+) :=(.*)$", re.MULTILINE)
REFERENCE = re.compile(r"\$(?:\(([^)]*)\)|\{([^}]*)\}|(.))")
"""A reference to a variable of make in a recipe, without `$$`, which is a `$` of the shell."""
AUTOMATIC = {"@", "<", "^", "?", "*", "+"}


def unquoted_variables(tree: Tree) -> Iterator[str]:
    """Yield each variable in a recipe that can bring code of the command line into the shell.

    Make pastes `$(NAME)` into the recipe, so only constants of the Makefile are allowed: make does not let a caller
    replace a variable that is assigned with `override`. All others are read from the environment, as `"$$NAME"`.
    """
    for file in tree.files:
        if not NAMES.fullmatch(file.name):
            continue
        text = tree.text(file)
        constants = {name for name, value in CONSTANT.findall(text) if not _references(value) - AUTOMATIC}
        # A constant may refer to constants above it.
        for name, value in CONSTANT.findall(text):
            if _references(value) <= constants:
                constants.add(name)
        for number, line in _recipe_lines(text):
            for name in sorted(_references(line) - constants - AUTOMATIC):
                yield f'{file}:{number} $({name}) in a recipe: "$${name}" reads it from the environment'
            for name in _bare(line):
                yield f'{file}:{number} $${name} without double quotes: "$${name}"'


def _recipe_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of recipes, with their numbers. Continued lines are one."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line.startswith("\t") and not lines[number - 2].endswith("\\"):
            whole, following = line, number
            while whole.endswith("\\") and following < len(lines):
                whole, following = whole[:-1] + lines[following], following + 1
            yield number, whole


def _references(text: str) -> set[str]:
    """Return the names between `$(` and `)`. A function, such as `$(shell …)`, counts as a name."""
    return {next(filter(None, match.groups()), "") for match in REFERENCE.finditer(text.replace("$$", ""))}


def _bare(line: str) -> Iterator[str]:
    """Yield the shell's variables outside of quotes. Within single quotes `$$` is text."""
    quote = ""
    for index, character in enumerate(line):
        if character in "\"'" and quote in {"", character} and line[index - 1] != "\\":
            quote = "" if quote else character
        elif not quote and (match := re.match(r"\$\$\{?(\w+)", line[index:])):
            yield match[1]
