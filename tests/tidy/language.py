"""The language of code and documents: plain English in the words of the field, as docs/glossary.md has them.

Run it on files or folders: `.venv/bin/python -m tests.tidy.language services/orders` prints every violation.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from tests.support.checkout import ROOT
from tests.tidy.tree import Function, Source, Tree

VERBS = frozenset(Path(__file__).with_name("verbs.txt").read_text(encoding="utf-8").split())
"""What the docstring of a function may begin with; add a plain verb of the craft if it is missing there."""
OF_PROPERTIES = ("The", "Whether")
"""What the docstring of a property may begin with as well."""

WORDS: Mapping[str, str] = {
    r"tell|tells|told|telling": "say, report, show, state, return",
    r"who(?:m|so)?ever": "anyone who, the caller that",
    r"whatever": "any, everything that",
    r"nobody": "no one, no caller, unused",
    r"(?:some|any|every)body": "someone, anyone, everyone; better the role: a caller, a user",
    r"befalls?|befell|befallen": "happens to",
    r"anew": "again, new",
    r"hindrances?": "parking reason, obstacle",
    r"eldest": "oldest",
    r"reckon(?:s|ed|ing)?": "calculate, count, expect",
    r"offen[cs]es?|offend(?:s|ed|ing|ers?)?": "violation, violate",
    r"patien(?:ce|t|tly)": "timeout; name what it waits for",
    r"mortal": "a process that can be killed",
    r"blows?": "fault",
    r"by and by": "step by step",
    r"ha(?:ve|s) (?:it|them) (?:\w+ed|done|made|sent)": "name who does it",
    r"wish(?:es|ed)?": "order line, request",
    r"news": "updates",
    r"thie(?:f|ves)": "cpu load, noisy neighbour",
    r"plant(?:s|ed|ing)?": "make_tree; add, write",
    r"doors?": "the gateway",
    r"of (?:its|their|his|her|our|my|your|one's) own": "separate; or name the owner",
    r"for the length of": "during, while",
    r"is at it": "name what it does",
    r"(?:give|gives|gave|given|giving) (?:it |them |\w+ )?back": "undo, compensate; of stock: return",
    r"(?:take|takes|took|taken|taking) (?:it |them )?back": "undo, compensate, remove",
    r"carr(?:y|ies|ied|ying) (?:(?:it|them|an?|the|parked|orders?) )*on(?! the)": "resume, continue, advance",
    r"what becomes of": "the result of, the state of",
    r"no business nouns?": "nothing of the services' domains",
    r"lest|thereof|wherewith|aright|asunder|hither|thither|henceforth|forthwith|nigh|ere": "modern English",
}
"""Banned in prose → what to write instead. A space stands for any white space, a new line too."""
INSTEAD = list(WORDS.values())
BANNED = re.compile("|".join(rf"(\b(?:{pattern})\b)".replace(" ", r"\s+") for pattern in WORDS), re.IGNORECASE)

PARTS: Mapping[str, str] = {
    "tell tells told": "message, event, response, report; name what it is",
    "asked": "requested, request",
    "wanted": "filter, expected",
    "hindrance": "parking_reason",
    "wish wishes": "order line, lines",
    "nobody somebody anybody everybody whoever whatever": "name the role: caller, user, anyone",
    "patience patiently patient": "timeout, TIMEOUT_SECONDS; wait_until",
    "LONGEST SHORTEST": "MAX_, MIN_",
    "eldest": "oldest",
    "thief": "cpu_load",
    "plant planted": "make_tree",
    "offence offences offend offending offends": "violation, violations, violate",
    "remains": "violations",
    "mortal": "killable",
    "blow blows": "fault, faults",
    "bury buried": "send, sent to the dead-letter topic",
    "news": "updates",
    "letter letters": "record, records",
    "door doors": "gateway",
    "announce announcer announced": "publish, publisher",
    "most": "MAX_, max_",
    "least": "MIN_, min_",
}
"""Banned parts of names, in any case but for those in capitals → what to write instead."""
FIX_PARTS = {part: instead for parts, instead in PARTS.items() for part in parts.split()}
ALLOWED = re.compile(r"(?i)dead[_-]?letters?|ascii_letters|at_(?:most|least)|least_request|most_common")
"""Names that contain such a part, and are the words of the field."""

CONTRACT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "asked": (
        "services/inventory",
        "services/operator",
        "tests/compatibility/test_events.py",
        "tests/services/test_demands.py",
        "tests/unit/test_operator_checks.py",
    ),
}
"""Fields of contracts that contain such a part → the files and folders that read or write them."""

SELF = ("tests/tidy/language.py", "tests/tidy/test_language.py")
UNTOUCHED = (
    "gen",
    "mesh/istio/contracts/openapi.json",
    "tests/compatibility/previous-release",
    "third_party/googleapis",
    "third_party/protovalidate",
    *SELF,
)
"""What is generated, frozen or written by others; and these two files, which name what is banned."""
DATA = (".csv", ".json", ".lock", ".mod", ".pyi", ".sum")
COMMENTS = {".go": "//", ".proto": "//", ".sql": "--", ".ts": "//"}
"""How a comment begins, where it is not `#`."""
PROSE = (".md",)
SCRIPTS = (".ci", "Makefile")


def language(tree: Tree, *paths: str) -> Iterator[str]:
    """Yield each violation in the files and folders that are named, in all of them by default."""
    for file in tree.under(*paths):
        if any(file.is_relative_to(untouched) for untouched in UNTOUCHED) or file.suffix in DATA:
            continue
        yield from _names(file, 1, str(file))
        text = tree.text(file)
        if file.suffix == ".py":
            yield from _python(Source(file, text))
        elif file.suffix in PROSE or file.parts[0] in SCRIPTS:
            yield from _prose(file, 1, text)
        else:
            mark = COMMENTS.get(file.suffix, "#")
            yield from _prose(file, 1, "\n".join(line.partition(mark)[2] for line in text.split("\n")))


def _python(source: Source) -> Iterator[str]:
    for node in source.nodes:
        if isinstance(node, Function):
            yield from _first_word(source, node)
        # A text without a space is a name or a value, and no prose.
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield from _prose(source.file, node.lineno, node.value)
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield from _prose(source.file, token.start[0], token.string)
        elif token.type == tokenize.NAME:
            yield from _names(source.file, token.start[0], token.string)


def _first_word(source: Source, function: Function) -> Iterator[str]:
    """Yield the violation of a function whose docstring does not begin with a verb. A test's name is its statement."""
    text = ast.get_docstring(function)
    if text is None or function.name.startswith("test_"):
        return
    word = (text.split() or [""])[0].rstrip(".,:;")
    is_property = any("property" in source.full_name(decorator) for decorator in function.decorator_list)
    if word not in VERBS and not (is_property and word in OF_PROPERTIES):
        yield (
            f"{source.file}:{function.body[0].lineno} the docstring of {function.name} begins with {word}: "
            "begin with an imperative verb (Return, Yield, Create, Start, …), see tests/tidy/verbs.txt"
        )


def _prose(file: PurePosixPath, first_line: int, text: str) -> Iterator[str]:
    for found in BANNED.finditer(text):
        line = first_line + text.count("\n", 0, found.start())
        yield f'{file}:{line} "{" ".join(found[0].split())}": write {INSTEAD[(found.lastindex or 1) - 1]}'


def _names(file: PurePosixPath, line: int, name: str) -> Iterator[str]:
    if any(file.is_relative_to(path) for path in CONTRACT_FIELDS.get(name, ())):
        return
    for part in sorted(set(re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", ALLOWED.sub("", name)))):
        if instead := FIX_PARTS.get(part) or FIX_PARTS.get(part.lower()):
            yield f"{file}:{line} {name} contains {part.lower()}: write {instead}"


def main() -> None:
    """Print the violations in the paths of the command line, in all files by default."""
    found = list(language(Tree.of_git(ROOT), *sys.argv[1:]))
    print("\n".join([*found, f"{len(found)} violations"]))  # noqa: T201  # a command
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
