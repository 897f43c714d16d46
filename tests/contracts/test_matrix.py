"""The generated policies allow exactly the calls that the matrix expects, and a fault of the generator is found."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.local.matrix.callers import Caller, callers
from mesh.local.matrix.declared import Method, methods, services
from mesh.options.v1.options_pb2 import AUDIENCE_ANYONE as ANYONE
from mesh.options.v1.options_pb2 import AUDIENCE_SIGNED_IN as SIGNED_IN
from mesh.options.v1.options_pb2 import MethodPolicy
from tests.support.checkout import ROOT
from tests.support.generator import generated

Rule = dict[str, Any]
GATEWAY = "cluster.local/ns/shop-ingress/sa/shop-gateway"
CREATE, GET, REFUND = (
    "shop.catalog.v1.CatalogService/CreateProduct",
    "shop.orders.v1.OrdersService/GetOrder",
    "shop.payments.v1.PaymentsService/RefundPayment",
)


class Policies:
    """Generated AuthorizationPolicies, read as Istio reads them."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._rules: dict[tuple[str, str], list[Rule]] = {}
        for name, text in files.items():
            for manifest in yaml.safe_load_all(text) if name.endswith(".yaml") else ():
                if manifest["kind"] == "AuthorizationPolicy":
                    app = manifest["spec"]["selector"]["matchLabels"]["app"]
                    self._rules.setdefault((manifest["metadata"]["namespace"], app), []).extend(
                        manifest["spec"]["rules"]
                    )

    def allow(self, caller: Caller, method: Method) -> bool:
        """Return whether a call reaches the service."""
        if caller.inside:
            return self._at_service(f"cluster.local/ns/shop/sa/{caller.name}", caller, method)
        at_gateway = any(
            self._is_open(rule, caller) and method.path in self._paths(rule)
            for rule in self._rules["shop-ingress", "shop-gateway"]
        )
        return at_gateway and self._at_service(GATEWAY, caller, method)

    def _at_service(self, principal: str, caller: Caller, method: Method) -> bool:
        return any(
            principal in source["source"]["principals"]
            and method.path in self._paths(rule)
            and (caller.logged_in or "when" not in rule)
            for rule in self._rules.get(("shop", method.service), [])
            for source in rule["from"]
        )

    def _is_open(self, rule: Rule, caller: Caller) -> bool:
        roles = {value for condition in rule.get("when", []) for value in condition["values"]}
        return "from" not in rule or (caller.logged_in and (not roles or caller.role in roles))

    def _paths(self, rule: Rule) -> Iterator[str]:
        return (path for to in rule["to"] for path in to["operation"]["paths"])


def wrong(files: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return the cells of the matrix, as (caller, method), in which policies and expectation differ."""
    policies, declared = Policies(files), methods(ROOT)
    return {
        (caller.name, method.name)
        for method in declared
        for caller in callers(declared, services(ROOT))
        if policies.allow(caller, method) != caller.may_call(method)
    }


def test_the_policies_allow_exactly_what_the_matrix_expects() -> None:
    assert wrong(generated()) == set()


@pytest.mark.parametrize(
    ("method", "misread", "callers"),
    [
        (CREATE, MethodPolicy(audience=ANYONE), {"anonymous", "user"}),
        (CREATE, MethodPolicy(audience=SIGNED_IN), {"user"}),
        (CREATE, MethodPolicy(audience=SIGNED_IN, roles=["clerk"]), {"merchandiser"}),
        (GET, MethodPolicy(audience=ANYONE), {"anonymous"}),
        (GET, MethodPolicy(), {"user", "merchandiser"}),
        (REFUND, MethodPolicy(audience=SIGNED_IN), {"user", "merchandiser"}),
    ],
    ids=["anyone", "no roles", "another role", "no login", "no audience", "a private method"],
)
def test_an_option_that_the_generator_reads_wrongly_is_a_wrong_cell(
    method: str, misread: MethodPolicy, callers: set[str]
) -> None:
    assert wrong(generated({method: misread})) == {(caller, method) for caller in callers}


def test_a_call_that_the_generator_does_not_read_is_a_wrong_cell(tmp_path: Path) -> None:
    for file in (ROOT / "services").glob("*/service.yaml"):
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True)
        copy.write_text(file.read_text(encoding="utf-8").replace(", RefundPayment]", "]"), encoding="utf-8")
    assert wrong(generated(root=tmp_path)) == {("orders", REFUND)}
