"""No method without a policy, no policy without a method."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tidy import policies as laws
from tests.tidy.contracts import methods, public, repeatable, streams
from tests.tidy.manifests import POLICIES, WORKLOADS
from tests.tidy.policies import Contracts
from tests.tidy.tree import ROOT, Tree

ORDERS, PAYMENTS, GATEWAY = (f"mesh/istio/contracts/{name}.yaml" for name in ("orders", "payments", "gateway"))
GET, PLACE = "/shop.catalog.v1.CatalogService/GetProduct", "/shop.orders.v1.OrdersService/PlaceOrder"
FOUND = methods()
CONTRACTS = Contracts(*map(frozenset, (FOUND, repeatable(FOUND), streams(FOUND), public(FOUND))))
Law = Callable[[Tree, Contracts], Iterable[str]]


def agreed(tree: Tree, _: Contracts) -> Iterable[str]:
    return laws.agreed(tree)


def ports(tree: Tree, _: Contracts) -> Iterable[str]:
    return laws.ports(tree)


def listed(tree: Tree, _: Contracts) -> Iterable[str]:
    return laws.listed(tree)


LAWS: list[Law] = [laws.routed, laws.allowed, agreed, laws.door, ports, listed]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the manifests, and the names of the services, for a test to change."""
    for folder in (*POLICIES, WORKLOADS):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for main in ROOT.glob("services/*/__main__.py"):
        (tmp_path / main.relative_to(ROOT)).parent.mkdir(parents=True)
        shutil.copy(main, tmp_path / main.relative_to(ROOT))
    return tmp_path


def offences(root: Path, contracts: Contracts = CONTRACTS) -> list[str]:
    tree = Tree.of_folder(root)
    return [offence for law in LAWS for offence in law(tree, contracts)]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_contracts_and_manifests_agree(checkout: Tree, law: Law) -> None:
    assert list(law(checkout, CONTRACTS)) == []


VOID = "/shop.payments.v1.PaymentsService/VoidPayment"
GIVEN = "      retries: {attempts: 2, retryOn: 'unavailable,connect-failure,refused-stream,reset'}\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        pytest.param(
            PAYMENTS,
            f"        - {{uri: {{exact: {VOID}}}, gateways: [mesh]}}\n",
            "",
            f"{VOID} has no row in a VirtualService",
            id="a method without a route",
        ),
        pytest.param(
            ORDERS,
            "      timeout: 14s\n      retries: {attempts: 0}\n",
            "      timeout: 14s\n      retries: {attempts: 1}\n",
            f"{PLACE} is sent again, but its contract says neither NO_SIDE_EFFECTS nor IDEMPOTENT: `attempts: 0`",
            id="an unsafe call that is sent again",
        ),
        pytest.param(
            PAYMENTS,
            f"      timeout: 3s\n{GIVEN}",
            "      timeout: 3s\n",
            "RefundPayment leaves its retries to the installation's default: state `attempts`",
            id="retries left to the default",
        ),
        pytest.param(
            PAYMENTS, "attempts: 2", "attempts: 5", "GetPayment is sent again 5 times: 2 at most", id="too many retries"
        ),
        pytest.param(
            PAYMENTS, "      timeout: 2s\n", "", "GetPayment has no `timeout`", id="a route without a timeout"
        ),
        pytest.param(
            ORDERS,
            f"OrdersService/WatchOrder}}}}\n{GIVEN}",
            f"OrdersService/WatchOrder}}}}\n      timeout: 9s\n{GIVEN}",
            "WatchOrder is a stream, which lasts as long as its caller likes: no `timeout`",
            id="a stream with a timeout",
        ),
        pytest.param(
            PAYMENTS,
            "exact: /shop.payments.v1.PaymentsService/GetPayment",
            "exact: /shop.payments.v1.PaymentsService/FindPayment",
            "row reads-traffic: /shop.payments.v1.PaymentsService/FindPayment is no method",
            id="a route of no method",
        ),
        pytest.param(
            PAYMENTS,
            "exact: /shop.payments.v1.PaymentsService/GetPayment",
            "prefix: /shop.payments",
            "row reads-traffic: a match that is no exact path is no method",
            id="a route by prefix",
        ),
        pytest.param(
            ORDERS,
            f"        - {{uri: {{exact: {PLACE}}}, gateways: [mesh]}}\n",
            "        - {gateways: [mesh]}\n",
            "row once: a match that is no exact path is no method",
            id="a route of everything",
        ),
        pytest.param(
            ORDERS,
            "exact: /shop.orders.v1.OrdersService/CancelOrder}, gateways: [mesh]",
            f"exact: {GET}}}, gateways: [mesh]",
            f"{GET} is no method of orders.shop.svc.cluster.local",
            id="a route to another service",
        ),
        pytest.param(
            ORDERS,
            "delegate: {name: orders-traffic,",
            "delegate: {name: catalog-traffic,",
            "is handed to catalog-traffic, which is not orders's",
            id="a call that is handed to another service's operator",
        ),
        pytest.param(
            PAYMENTS,
            "              - /shop.payments.v1.PaymentsService/RefundPayment\n",
            "",
            "/shop.payments.v1.PaymentsService/RefundPayment is in no AuthorizationPolicy",
            id="a method that nobody may call",
        ),
        pytest.param(
            PAYMENTS,
            "              - /shop.payments.v1.PaymentsService/RefundPayment\n",
            "              - /shop.payments.v1.PaymentsService/*\n",
            "lets cluster.local/ns/shop/sa/orders call /shop.payments.v1.PaymentsService/*, which is no method",
            id="an allowance by pattern",
        ),
        pytest.param(
            PAYMENTS,
            "    - from:\n        - source:\n            principals: [cluster.local/ns/shop/sa/orders]\n      to:",
            "    - to:",
            "lets * call /shop.payments.v1.PaymentsService/CapturePayment: name a ServiceAccount of the mesh",
            id="an allowance for anybody",
        ),
        pytest.param(
            PAYMENTS,
            "            paths:\n              - /shop.payments.v1.PaymentsService/AuthorizePayment\n",
            "            paths:\n              - /shop.orders.v1.OrdersService/GetOrder\n",
            "call /shop.orders.v1.OrdersService/GetOrder, which is no method of payments",
            id="an allowance of another service's method",
        ),
        pytest.param(
            ORDERS,
            "        - ./payments.shop.svc.cluster.local\n",
            "",
            "payments lets orders in, but no Sidecar lets orders call payments",
            id="a caller that may not call out",
        ),
        pytest.param(
            ORDERS,
            "        - ./payments.shop.svc.cluster.local\n",
            "        - ./payments.shop.svc.cluster.local\n        - ./reflection.shop.svc.cluster.local\n",
            "orders's Sidecar lets it call reflection, whose AuthorizationPolicy does not let it in",
            id="a callee that lets nobody in",
        ),
        pytest.param(
            GATEWAY,
            f"              - {PLACE}\n",
            "",
            f"{PLACE} is public by its contract, but is not in the gateway's AuthorizationPolicy",
            id="a public method that the gateway refuses",
        ),
        pytest.param(
            GATEWAY,
            f"              - {PLACE}\n",
            f"              - {PLACE}\n              - /shop.payments.v1.PaymentsService/RefundPayment\n",
            "/shop.payments.v1.PaymentsService/RefundPayment is in the gateway's AuthorizationPolicy, but not public",
            id="a private method that the gateway lets in",
        ),
        pytest.param(
            "mesh/istio/base/gateway.yaml",
            "        name: grpc\n        protocol: GRPC\n",
            "        name: web\n        protocol: HTTP\n",
            "port 8080 has not the name grpc and the protocol GRPC",
            id="a gateway's port that is not grpc",
        ),
        pytest.param(
            "mesh/kubernetes/base/catalog.yaml",
            "    - name: grpc\n",
            "    - name: http\n",
            "mesh/kubernetes/base/catalog.yaml: port 50051 has not the name grpc",
            id="a service's port that is not grpc",
        ),
        pytest.param(
            "mesh/istio/contracts/kustomization.yaml",
            "  - payments.yaml\n",
            "",
            "mesh/istio/contracts/payments.yaml is not in its kustomization.yaml",
            id="policies that are not applied",
        ),
    ],
)
def test_a_manifest_that_strays_is_found(copy: Path, file: str, old: str, new: str, told: str) -> None:
    text = (copy / file).read_text()
    assert old in text, "what the test changes stands there"
    # Routes stand twice, for the mesh and for the gateway: the first will do.
    (copy / file).write_text(text.replace(old, new, 1))
    found = offences(copy)
    assert any(told in offence for offence in found), found


def test_a_new_method_needs_policies(copy: Path) -> None:
    new = "/shop.catalog.v1.CatalogService/DropProduct"
    told = offences(copy, replace(CONTRACTS, methods=CONTRACTS.methods | {new}))
    assert [line.split(":")[0] for line in told] == [
        f"{new} has no row in a VirtualService",
        f"{new} is in no AuthorizationPolicy",
    ]


def test_a_method_that_becomes_unsafe_may_not_be_sent_again(copy: Path) -> None:
    told = offences(copy, replace(CONTRACTS, repeatable=CONTRACTS.repeatable - {GET}))
    assert told
    assert all(f"{GET} is sent again, but its contract says neither" in line for line in told)


def test_a_new_service_needs_workload_and_policies(copy: Path) -> None:
    (copy / "services/returns").mkdir()
    (copy / "services/returns/__main__.py").write_text("")
    assert offences(copy) == [
        "returns has no policies: `make generate` writes them from services/returns/service.yaml",
        "mesh/kubernetes/base/returns.yaml is missing",
    ]
