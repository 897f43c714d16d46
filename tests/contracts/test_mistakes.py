"""Every mistake in a contract is one line, `file:line: what, why, what to do`, and no file is written."""

from pathlib import Path

import pytest

from tests.contracts.mistakes import ANYONE, contract, faults
from tests.support.checkout import ROOT

ROWS = [
    row.splitlines()
    for row in (ROOT / "tests/contracts/mistakes.txt").read_text(encoding="utf-8").split("\n\n")
    if not row.startswith("#")
]


def http(rule: str) -> str:
    return f"option (google.api.http) = {{{rule}}};"


@pytest.mark.parametrize(("option", "line"), [pytest.param(*each, id=name) for name, *each in ROWS])
def test_a_mistake_is_one_line(tmp_path: Path, option: str, line: str) -> None:
    _, is_stream, option = option.strip().rpartition("stream ")
    statement = f"option {option}"
    if option.startswith("(mesh.options.v1.service)"):
        text = contract(service=statement)
    elif option.startswith("(mesh.options.v1.method)"):
        text = contract(statement)
    else:
        text = contract(ANYONE, statement, stream=is_stream)
    assert faults(tmp_path, text) == [line.strip()]


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param('get: "/v1/{name=orders/*}" additional_bindings {get: "/v1/orders/latest"}', id="a special case"),
        pytest.param('get: "/v1/{name=**}" additional_bindings {get: "/v1/orders/{number}"}', id="**"),
        pytest.param('get: "/v1/{number}" additional_bindings {post: "/v1/{number}" body: "*"}', id="another verb"),
        pytest.param('get: "/v1/{number}" additional_bindings {get: "/v1/{number}:watch"}', id="a verb after a colon"),
        pytest.param('patch: "/v1/{parent.name=orders/*}" body: "parent"', id="a field of the body"),
        pytest.param('get: "/v1/orders" response_body: "file"', id="a file"),
        pytest.param('get: "/healthz/{number}"', id="below a path of the gateway"),
    ],
)
def test_a_rule_without_a_mistake_is_accepted(tmp_path: Path, rule: str) -> None:
    assert faults(tmp_path, contract(ANYONE, http(rule))) == []


def test_two_methods_on_the_same_urls_are_one_line(tmp_path: Path) -> None:
    more = "\n".join(["rpc FindOrder(Order) returns (Order) {", ANYONE, http('get: "/v1/orders/{number}"'), "}"])
    lines = faults(tmp_path, contract(ANYONE, http('get: "/v1/{name=orders/*}"'), more=more))
    fault, _, other = lines[0].partition(", which matches the same URLs as ")
    assert fault == "orders.proto:14: FindOrder has the path GET /v1/orders/{number}"
    assert other == "GET /v1/{name=orders/*} of GetOrder (orders.proto:10): choose another path"
    assert len(lines) == 1


def test_a_path_without_an_audience_is_one_line(tmp_path: Path) -> None:
    [line] = faults(tmp_path, contract(http('get: "/v1/orders"')))
    fault, _, remedy = line.rpartition(": ")
    assert fault == "orders.proto:8: GetOrder has an HTTP path but no audience"
    assert remedy == "set (mesh.options.v1.method).audience to who may call it"


def test_an_option_in_several_statements_has_its_own_lines(tmp_path: Path) -> None:
    statements = [
        "option (mesh.options.v1.method).timeout.seconds = 2;",
        "option (mesh.options.v1.method).roles = 'A';",
    ]
    [login, grammar] = faults(tmp_path, contract(*statements))
    assert login.startswith("orders.proto:9: GetOrder requires roles, but not a login")
    assert grammar.startswith("orders.proto:9: GetOrder has the role 'A'")


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    policy = 'option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN roles: "A" timeout {}};'
    lines = faults(tmp_path, contract(policy, http('get: "/v1/{nme}" additional_bindings {post: "v1" body: "*"}')))
    assert [line.split(": ")[0] for line in lines] == ["orders.proto:9"] * 2 + ["orders.proto:10"] * 2
