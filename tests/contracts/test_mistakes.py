"""Every mistake in a contract is one line, `file:line: what, why, what to do`, and no file is written."""

import re
from pathlib import Path

import pytest
import yaml

from tests.contracts.conftest import Checkout
from tests.contracts.mistakes import ANYONE, compiled, contract, faults, request, run_protoc
from tests.support.checkout import ROOT
from tools.protoc_gen_istio.generate import generate
from tools.protoc_gen_istio.options import COPY

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
        text = contract(statement, stream=is_stream)
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


TIERS = "TIER_CRITICAL, TIER_STANDARD, TIER_BACKGROUND"
FOREIGN = """\
syntax = "proto3";
package mesh.options.v1;
import "google/protobuf/descriptor.proto";
extend google.protobuf.MethodOptions { MethodPolicy method = 50100; }
extend google.protobuf.ServiceOptions { ServicePolicy service = 50100; }
enum Audience { AUDIENCE_UNSPECIFIED = 0; AUDIENCE_SIGNED_IN = 1; AUDIENCE_ANYONE = 2; AUDIENCE_STAFF = 3; }
enum Tier { TIER_UNSPECIFIED = 0; TIER_GOLD = 1; }
message MethodPolicy { string timeout = 1; Audience audience = 2; }
message ServicePolicy { Tier tier = 2; }
"""
"""Another project's copy of the options: the same names, with other numbers, values and types."""


@pytest.mark.parametrize(
    ("lines", "service", "line"),
    [
        (
            ["option (mesh.options.v1.method) = {audience: AUDIENCE_STAFF};"],
            "",
            "9: GetOrder has the unknown audience AUDIENCE_STAFF: use one of AUDIENCE_ANYONE, AUDIENCE_SIGNED_IN",
        ),
        (
            [],
            "option (mesh.options.v1.service) = {tier: TIER_GOLD};",
            f"7: acme.v1.Orders has the unknown tier TIER_GOLD: use one of {TIERS}",
        ),
        (
            ['option (mesh.options.v1.method) = {timeout: "2s"};'],
            "",
            f"9: GetOrder has an option with another type of timeout: {COPY}",
        ),
    ],
    ids=["an audience", "a tier", "a type"],
)
def test_options_of_another_project_that_are_not_known_are_one_line(
    tmp_path: Path, lines: list[str], service: str, line: str
) -> None:
    run = run_protoc(tmp_path, compiled(tmp_path, contract(*lines, service=service), FOREIGN))
    assert [each for each in run.stderr.splitlines() if "warning" not in each and ".proto:" in each] == [
        f"orders.proto:{line}"
    ]


def test_options_of_another_project_are_read_by_name(tmp_path: Path) -> None:
    options = FOREIGN.replace("string timeout = 1;", "")
    signed_in = contract("option (mesh.options.v1.method) = {audience: AUDIENCE_SIGNED_IN};")
    [gateway, _] = yaml.safe_load_all(generate(request(tmp_path, signed_in, options))["gateway.yaml"])
    assert gateway["spec"]["rules"][0]["from"] == [{"source": {"requestPrincipals": ["*"]}}]


def test_make_generate_prints_the_lines_and_nothing_else(checkout: Checkout) -> None:
    file = "proto/shop/orders/v1/orders.proto"
    checkout.edit(file, 'get: "/v1/{name=orders/*}"}', 'get: "/v1/{nme=orders/*}"}')
    checkout.edit("services/catalog/service.yaml", "owns:", "own:")
    run = checkout.make("generate")
    [declaration, *rest] = run.stdout.splitlines()
    assert re.fullmatch(r"services/catalog/service\.yaml:\d+: unknown key 'own': use one of .*", declaration)
    assert re.fullmatch(r"make: \*\*\* .*generate\] Error 1", "\n".join(rest))
    checkout.edit("services/catalog/service.yaml", "own:", "owns:")
    [rule, *_] = checkout.make("generate").stdout.splitlines()
    assert re.fullmatch(r"shop/orders/v1/orders\.proto:\d+: GetOrder has the path /v1/\{nme=orders/\*\}, but .*", rule)


def test_protoc_prints_the_lines_and_writes_nothing(tmp_path: Path) -> None:
    run = run_protoc(tmp_path, compiled(tmp_path, contract(ANYONE, http('get: "v1"'))))
    assert run.returncode == 1
    [line] = [line for line in run.stderr.splitlines() if line.startswith("orders.proto:")]
    assert line.startswith("orders.proto:10: GetOrder has the path 'v1', which does not start with /: ")
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.glob("*.yaml"))


def test_every_path_that_the_gateway_serves_by_hand_is_listed() -> None:
    template = yaml.safe_load((ROOT / "buf.gen.yaml").read_text(encoding="utf-8"))
    [listed] = [
        option.partition("=")[2]
        for plugin in template["plugins"]
        for option in plugin.get("opt", [])
        if option.startswith("gateway_paths=")
    ]
    served = {
        match["uri"].get("exact") or f"{match['uri']['prefix']}**"
        for file in (ROOT / "mesh/istio/base").glob("*.yaml")
        for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if manifest["kind"] == "VirtualService" and "gateways" in manifest["spec"]
        for route in manifest["spec"]["http"]
        for match in route["match"]
    }
    assert served == set(listed.split())
