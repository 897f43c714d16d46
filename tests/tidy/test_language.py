"""What the law about language finds."""

import pytest

from tests.support.checkout import ROOT
from tests.tidy.conftest import MakeTree
from tests.tidy.language import VERBS, language


def test_the_verbs_are_sorted_and_none_of_them_is_of_the_old_dialect() -> None:
    assert sorted(VERBS) == (ROOT / "tests/tidy/verbs.txt").read_text(encoding="utf-8").split()
    banned = {"Answer", "Give", "Tell", "Have", "Let", "Note", "Say", "Make", "Take", "Ask", "Begin", "End", "Carry"}
    assert not VERBS & banned


@pytest.mark.parametrize(
    ("file", "text", "violation"),
    [
        ("a.py", 'def f():\n    """Answer the row."""', "a.py:2 the docstring of f begins with Answer: "),
        ("a.py", 'async def f():\n    """Whether it is."""', "a.py:2 the docstring of f begins with Whether: "),
        ("a.py", 'class C:\n    @property\n    def f(self):\n        """What it is."""', "a.py:4 the docstring of f"),
        ("a.py", 'def f():\n    """Return it.\n\n    As told."""', 'a.py:4 "told": write say, report, show'),
        ("a.py", "x = 1  # nobody calls it", 'a.py:1 "nobody": write no one'),
        ("a.py", 'raise E("Whoever calls, waits")', 'a.py:1 "Whoever": write anyone who'),
        ("a.py", 'x = f"{name} is in a mesh of its own"', 'a.py:1 "of its own": write separate'),
        ("a.py", '"""It is\nby and\nby."""', 'a.py:2 "by and by": write step by step'),
        ("a.py", "MOST_ROWS = 3", "a.py:1 MOST_ROWS contains most: write MAX_, max_"),
        ("a.py", "LONGEST_TEXT = 3", "a.py:1 LONGEST_TEXT contains longest: write MAX_, MIN_"),
        ("a.py", "PATIENCE = 3", "a.py:1 PATIENCE contains patience: write timeout"),
        ("a.py", "def _told(x): ...", "a.py:1 _told contains told: write message"),
        ("a.py", "class Hindrance: ...", "a.py:1 Hindrance contains hindrance: write parking_reason"),
        ("a.py", "lines: list[OrderWish]", "a.py:1 OrderWish contains wish: write order line"),
        ("a.py", "def test_nobody_is_let_in(): ...", "a.py:1 test_nobody_is_let_in contains nobody: write name the"),
        ("tests/thief.py", "", "tests/thief.py:1 tests/thief.py contains thief: write cpu_load"),
        ("a.md", "Run it anew.", 'a.md:1 "anew": write again'),
        ("a.proto", "// Carries an order\nstring a = 1; // eldest first", 'a.proto:2 "eldest": write oldest'),
        ("a.yaml", "a: 1\nb: 2 # what befalls a call", 'a.yaml:2 "befalls": write happens to'),
        ("a.sql", "SELECT 1 -- as told", 'a.sql:1 "told": write say'),
        (".ci/run", 'echo "an offence"', '.ci/run:1 "offence": write violation'),
        ("Makefile", "up: ## Start anew", 'Makefile:1 "anew": write again'),
        ("services/Dockerfile", "USER nobody # nobody else", 'services/Dockerfile:1 "nobody": write no one'),
    ],
)  # fmt: skip
def test_dialect_is_found_with_what_to_write_instead(make_tree: MakeTree, file: str, text: str, violation: str) -> None:
    [found] = language(make_tree({file: text}))
    assert found.startswith(violation)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.py", 'def f():\n    """Return the row."""'),
        ("a.py", 'class C:\n    @cached_property\n    def f(self):\n        """Whether it runs."""'),
        ("a.py", 'def test_x():\n    """PostgreSQL alone can do this."""'),
        ("a.py", "DEAD_LETTERS, at_most, LEAST_REQUEST, longest = dead_letters, at_least, string.ascii_letters, 4"),
        ("services/inventory/a.py", "demand.asked"),
        ("a.py", 'user = "nobody"  # the dead-letter topic; each process has its own'),
        ("a.yaml", "user: nobody"),
        ("gen/a.py", "told = 1"),
        ("a.csv", "whatever"),
    ],
)
def test_plain_english_is_no_violation(make_tree: MakeTree, file: str, text: str) -> None:
    assert list(language(make_tree({file: text}))) == []


def test_only_the_files_that_are_named_are_checked(make_tree: MakeTree) -> None:
    tree = make_tree({"a/x.py": "told = 1", "b/x.py": "told = 1"})
    assert [violation.split(":")[0] for violation in language(tree, "a/x.py")] == ["a/x.py"]
    assert [violation.split(":")[0] for violation in language(tree, "b")] == ["b/x.py"]


def test_the_bytes_of_a_picture_are_no_words(make_tree: MakeTree) -> None:
    assert list(language(make_tree({"a.png": "\x89PNG\0\n# nobody gives"}))) == []
    assert list(language(make_tree({"a.md": "nobody gives"}))) != []
