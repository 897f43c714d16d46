"""The table of what the local node does names a test for each row that works, is refused or is not enforced."""

import re

import pytest

from tests.support.checkout import ROOT

TABLE = ROOT / "mesh/local/conformance.md"
ROWS = [row for row in TABLE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (?!feature|---)", row)]
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests/mesh").rglob("test_*.py")))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_row_names_its_tests(row: str) -> None:
    feature, here, tests = (cell.strip() for cell in row.strip("|").split(" | "))
    verdict = re.match(r"works|refused|not enforced|out of scope", here)
    assert verdict, f"{feature}: {here}"
    names = re.findall(r"`([\w-]+)`", tests)
    assert names or verdict[0] == "out of scope", feature
    for name in names:
        assert f"def {name}(" in TESTS or f'"{name}"' in TESTS, name
