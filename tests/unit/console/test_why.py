"""What the page of `mesh why` shows, in a cluster that the test makes up."""

from dataclasses import replace
from pathlib import Path

import pytest

from mesh.local.console.why import command, excerpt, explain, known_names
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.matrix.callers import callers
from mesh.local.matrix.declared import methods, services
from mesh.local.why.decision import decide
from mesh.local.why.grid import grid
from mesh.local.why.inquiry import Question
from mesh.local.why.names import find_subject
from mesh.local.why.sources import Line
from tests.support.checkout import ROOT
from tests.unit.why_world import ANY_RULE, METHOD, dump, obj, rbac, world

METHODS, SERVICES = methods(ROOT), services(ROOT)
GET_PRODUCT = METHOD.lstrip("/")
MESH = Instance("other", Path("/nowhere"), 1, "127.0.0.1:8080")
FREEZE = {"to": [{"operation": {"paths": ["*"]}}]}


def test_the_rule_of_a_policy_by_hand_is_shown() -> None:
    denies = dump("INBOUND", rbac("DENY", freeze=ANY_RULE), transport="tls")
    live = world(catalog=(denies,), more=(obj("AuthorizationPolicy", "freeze", action="DENY", rules=[FREEZE]),))
    found = explain(live, Question("orders", GET_PRODUCT))
    assert (found["allowed"], found["decided_by"]["note"]) == (False, "applied by hand")
    assert "paths" in found["rule_texts"]["shop/freeze/0"]
    assert found["reasons"][found["decided_by"]["reason"]] == "a rule of a DENY policy matches"


def test_the_lines_around_the_deciding_one_are_shown() -> None:
    denies = dump("INBOUND", rbac("ALLOW"), transport="tls")
    found = explain(world(catalog=(denies,)), Question("orders", GET_PRODUCT))
    shown = found["excerpts"][found["decided_by"]["line"]]
    lines = (ROOT / shown["file"]).read_text(encoding="utf-8").splitlines()
    assert shown["lines"][shown["number"] - shown["first"]] == lines[shown["number"] - 1]


def test_an_excerpt_ends_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one\ntwo\nthree\n")
    assert excerpt(tmp_path, Line("file", 1)).lines == ["one", "two", "three"]
    assert excerpt(tmp_path, Line("file", 3)).first == 1


@pytest.mark.parametrize(
    ("question", "fix"),
    [
        (Question("ordes", "GetProduct"), "did you mean orders"),
        (Question("orders", "GetProdukt"), "did you mean shop.catalog.v1.CatalogService/GetProduct"),
        (Question("orders", GET_PRODUCT, ["no header"]), "NAME:VALUE"),
        (Question("orders", "../../etc/passwd"), "did you mean"),
    ],
)
def test_a_mistake_is_an_error_with_its_fix(question: Question, fix: str) -> None:
    with pytest.raises(MeshError) as caught:
        explain(world(), question)
    assert fix in caught.value.fix


def test_the_command_asks_the_same() -> None:
    question = Question("orders", GET_PRODUCT, ["x-tenant: a b"], "192.0.2.1")
    expected = f".venv/bin/mesh why orders {GET_PRODUCT} --header 'x-tenant: a b' --address 192.0.2.1"
    assert command(MESH, question) == f"{expected} -i other"
    assert command(replace(MESH, name="default"), question) == expected


def test_the_form_offers_every_caller_and_method() -> None:
    names = known_names(world())
    assert names["methods"] == [method.name for method in METHODS]
    assert {caller.name for caller in callers(METHODS, SERVICES)} <= set(names["callers"])
    assert "pod/orders" in names["callers"]


def test_the_grid_has_the_decision_of_each_cell() -> None:
    live = world()
    catalog = [method for method in METHODS if method.service == "catalog"]
    rows = grid(live, catalog, SERVICES)
    assert [row.method for row in rows] == [method.name for method in catalog]
    for row, method in zip(rows, catalog, strict=True):
        for cell in row.cells:
            assert cell.allowed == decide(live, find_subject(cell.caller, live, METHODS, SERVICES), method).allowed


def test_a_service_without_a_pod_is_no_decision() -> None:
    [row] = grid(world(), [method for method in METHODS if method.name.endswith("/GetPayment")], SERVICES)
    assert {cell.allowed for cell in row.cells if cell.caller == "orders"} == {None}
    assert all("payments" in cell.by for cell in row.cells if cell.allowed is None)
