"""The format of proto/waivers.yaml, and when a waiver expires."""

from pathlib import Path

import pytest

from tools.breaking.sources import ROOT, SourceError
from tools.breaking.waivers import FILE, Waiver, load, version

VALID = "- {element: shop.a.v1.A, rule: RULE, why: No caller sends it., until: 0.2.0}\n"


def write_waivers(root: Path, text: str) -> Path:
    """Write the file with the waivers and return the root folder."""
    (root / FILE).parent.mkdir()
    (root / FILE).write_text(text, encoding="utf-8")
    return root


def test_waivers_are_read(tmp_path: Path) -> None:
    assert load(tmp_path) == [], "no file, no waivers"
    assert load(write_waivers(tmp_path, VALID)) == [Waiver("shop.a.v1.A", "RULE", "No caller sends it.", "0.2.0")]


@pytest.mark.parametrize("text", ["", "# none\n", "[]\n"])
def test_a_file_may_contain_no_waivers(tmp_path: Path, text: str) -> None:
    assert load(write_waivers(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {element: [", "is not YAML: while parsing"),
        ("element: shop.a.v1.A\n", "expected a list of waivers"),
        ("- shop.a.v1.A\n", "waiver 1: expected the keys element, rule, why, until"),
        (VALID.replace("rule: RULE, ", ""), "waiver 1: rule is missing"),
        (VALID.replace("rule:", "level:"), "waiver 1: unknown key level"),
        (VALID.replace("No caller sends it.", "''"), "waiver 1: why: expected a string, not ''"),
        (VALID.replace("0.2.0", "0.2"), "waiver 1: until: expected a string, not 0.2"),
        (VALID.replace("0.2.0", "forever"), "waiver 1: until: expected a release such as 0.2.0, not forever"),
        (VALID + VALID, "waiver 2: shop.a.v1.A (RULE) is waived twice"),
    ],
)
def test_a_malformed_file_is_an_error_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError) as error:
        load(write_waivers(tmp_path, text))
    assert str(error.value).startswith(FILE)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("reached", "expired"),
    [("0.1.9", False), ("0.2.0", True), ("0.2.0rc1", True), ("0.10.0", True), ("1.0.0", True)],
)
def test_a_waiver_is_valid_until_its_release(reached: str, expired: bool) -> None:  # noqa: FBT001  # a case
    assert Waiver("shop.a.v1.A", "RULE", "No caller sends it.", "0.2.0").expired(reached) == expired


def test_the_version_is_read_from_pyproject(tmp_path: Path) -> None:
    assert version(ROOT)
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"pyproject\.toml has no version"):
        version(tmp_path)
