"""A scenario is applied if the cluster has all of its objects with the same content."""

from copy import deepcopy
from typing import Any

import pytest

from mesh.local.console.act import readme
from mesh.local.console.act.scenarios import FOLDER, ROW, Key, Scenario, State, contains, statuses


def manifest(name: str, weight: int) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"http": [{"weight": weight}]},
    }


def state_of(scenarios: list[Scenario], *live: dict[str, Any]) -> dict[str, State]:
    found = statuses(scenarios, {Key.of(each): each for each in live})
    return {each.name: each.state for each in found}


SHARED, ROUTE_A, ROUTE_B = manifest("versions", 1), manifest("traffic", 10), manifest("traffic", 90)
A, B = Scenario("a", "", [SHARED, ROUTE_A]), Scenario("b", "", [SHARED, ROUTE_B])
NOTHING = Scenario("nothing", "", [])


def test_nothing_is_applied_to_an_empty_cluster() -> None:
    assert state_of([A, NOTHING]) == {"a": State.NOT_APPLIED, "nothing": State.NOTHING}


def test_objects_that_another_scenario_has_applied_do_not_count() -> None:
    assert state_of([A, B], SHARED, ROUTE_A) == {"a": State.APPLIED, "b": State.NOT_APPLIED}
    [_, status] = statuses([A, B], {Key.of(each): each for each in (SHARED, ROUTE_A)})
    assert status.shared_with == ["a"]
    assert [each.status for each in status.objects] == ["same", "different"]


def test_a_part_of_a_scenario_is_partly_applied() -> None:
    assert state_of([A, B], SHARED) == {"a": State.PARTLY, "b": State.PARTLY}


def test_a_changed_object_is_not_the_one_of_the_scenario() -> None:
    assert state_of([A], SHARED, manifest("traffic", 11)) == {"a": State.PARTLY}


@pytest.mark.parametrize(
    ("live", "expected", "result"),
    [
        ({"a": 1, "added": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None, "c": "", "d": {}}, True),
        ({"a": 1}, {"a": 1, "b": 0.5}, False),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, True),
        ({"a": [{"b": 2}]}, {"a": [{"b": 1}]}, False),
        (None, {"a": 1}, False),
        ("text", {"a": 1}, False),
    ],
)
def test_the_api_server_may_add_fields_and_leave_out_empty_ones(live: object, expected: object, result: bool) -> None:  # noqa: FBT001
    before = deepcopy(live)
    assert contains(live, expected) is result
    assert live == before


def test_the_list_of_scenarios_has_every_folder() -> None:
    listed = [row["name"] for row in ROW.finditer((FOLDER / "README.md").read_text(encoding="utf-8"))]
    assert listed == sorted(path.parent.name for path in FOLDER.glob("*/README.md"))


def test_a_readme_becomes_headings_paragraphs_code_lists_and_tables() -> None:
    text = "# Title\nOne `two`\n**three** [four](../a-b).\n\n```sh\n# no heading\n```\n- x\n  y\n\n"
    text += "| a | b |\n|---|---|\n| 1 | 2 |"
    title, paragraph, code, items, table = readme.parse(text)
    assert (title.kind, title.text) == ("heading", "Title")
    spans = [(span.kind, span.text, span.target) for span in paragraph.rows[0][0]]
    assert spans == [
        ("text", "One ", ""),
        ("code", "two", ""),
        ("text", " ", ""),
        ("strong", "three", ""),
        ("text", " ", ""),
        ("scenario", "four", "a-b"),
        ("text", ".", ""),
    ]
    assert (code.kind, code.text) == ("code", "# no heading")
    assert (items.kind, items.rows[0][0][0].text) == ("list", "x y")
    assert [[cell[0].text for cell in row] for row in table.rows] == [["a", "b"], ["1", "2"]]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_the_readme_of_every_scenario_is_shown_as_it_is_written(path: Any) -> None:  # noqa: ANN401  # a path
    blocks = readme.parse(path.read_text(encoding="utf-8"))
    assert blocks[0].kind == "heading"
    shown = [span for block in blocks for row in block.rows for cell in row for span in cell]
    assert [span.text for span in shown if span.kind == "text" and ("**" in span.text or "](" in span.text)] == []
    assert {span.target for span in shown if span.kind == "scenario"} <= {each.name for each in FOLDER.iterdir()}
