"""The declared calls go one way, and not far."""

from pathlib import Path

import pytest

from tests.tidy.graph import INSTEAD, bounded
from tests.tidy.tree import ROOT
from tools.protoc_gen_istio.declarations import load


def declare(folder: Path, calls: str) -> list[str]:
    """Declare services by their calls: "a>b b>c" is a that calls b, and b that calls c."""
    pairs = [pair.split(">") for pair in calls.split()]
    for service in {name for pair in pairs for name in pair}:
        callees = ", ".join(f"{{to: shop.{to}.v1.S, methods: [Get]}}" for by, to in pairs if by == service)
        (folder / service).mkdir()
        text = f"service: {service}\nserves: [shop.{service}.v1.S]\ncalls: [{callees}]\n"
        (folder / service / "service.yaml").write_text(text)
    return list(bounded(load(folder)))


def test_services_wait_for_each_other_one_way_and_not_far() -> None:
    assert list(bounded(load(ROOT / "services"))) == []


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ("a>b b>a", ["a → b → a is a cycle of calls"]),
        ("a>a", ["a → a is a cycle of calls"]),
        ("a>b b>c c>b", ["b → c → b is a cycle of calls"]),
        ("a>b b>c c>a", ["a → b → c → a is a cycle of calls"]),
        ("a>b b>c c>d", ["a → b → c → d is a chain of 4 services, 3 at most"]),
        ("a>b a>c b>d c>d d>e", ["a → b → d → e is a chain", "a → c → d → e is a chain"]),
    ],
)
def test_a_cycle_or_a_long_chain_is_found(tmp_path: Path, calls: str, told: list[str]) -> None:
    found = declare(tmp_path, calls)
    assert len(found) == len(told), found
    assert all(line.startswith(words) and line.endswith(INSTEAD) for line, words in zip(found, told, strict=True)), (
        found
    )


def test_a_call_of_nobodys_method_is_found(tmp_path: Path) -> None:
    declare(tmp_path, "a>b")
    (tmp_path / "b/service.yaml").write_text("service: b\n")
    [offence] = bounded(load(tmp_path))
    assert (
        offence
        == f"{tmp_path}/a/service.yaml:3: shop.b.v1.S/Get is served by nobody: list it under `serves` of its service"
    )


@pytest.mark.parametrize("calls", ["a>b a>c b>d c>d", "a>b b>c", "a>b c>d"])
def test_three_in_a_row_are_no_offence(tmp_path: Path, calls: str) -> None:
    assert declare(tmp_path, calls) == []
