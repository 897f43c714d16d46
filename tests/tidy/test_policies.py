"""What the laws about policies find."""

import shutil
from pathlib import Path

import pytest

from tests.tidy import policies
from tests.tidy.contracts import methods
from tests.tidy.manifests import POLICIES, WORKLOADS
from tests.tidy.tree import ROOT, Tree

CONTRACTS, BASE = "mesh/istio/contracts", "mesh/istio/base"
ORDERS, PAYMENTS, GATEWAY = (f"{CONTRACTS}/{name}.yaml" for name in ("orders", "payments", "gateway"))
PAY, GET = "/shop.payments.v1.PaymentsService/", "/shop.catalog.v1.CatalogService/GetProduct"
PLACE = "/shop.orders.v1.OrdersService/PlaceOrder"
RETRIES = "      retries: {attempts: 2, retryOn: 'unavailable,connect-failure,refused-stream,reset'}\n"
HOST = "        - ./payments.shop.svc.cluster.local\n"
FROM = "    - from:\n        - source:\n            principals: [cluster.local/ns/shop/sa/orders]\n      to:"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the manifests, and the __main__.py of all services, for a test to change."""
    for folder in (*POLICIES, WORKLOADS):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for main in ROOT.glob("services/*/__main__.py"):
        (tmp_path / main.relative_to(ROOT)).parent.mkdir(parents=True)
        shutil.copy(main, tmp_path / main.relative_to(ROOT))
    return tmp_path


def violations(root: Path, contracts: policies.Methods | None = None) -> list[str]:
    tree = Tree.of_folder(root)
    found = [law(tree, contracts) for law in (policies.routed, policies.permitted, policies.public)]
    found += [law(tree) for law in (policies.sidecars, policies.ports, policies.listed)]
    return [violation for each in found for violation in each]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (PAYMENTS, f"        - {{uri: {{exact: {PAY}VoidPayment}}, gateways: [mesh]}}\n", "",
         f"{PAY}VoidPayment has no route"),
        (ORDERS, "14s\n      retries: {attempts: 0}", "14s\n      retries: {attempts: 1}",
         f"{PLACE} is retried, but its con"),
        (PAYMENTS, f"      timeout: 3s\n{RETRIES}", "      timeout: 3s\n",
         "RefundPayment has the default number of retries"),
        (PAYMENTS, "attempts: 2", "attempts: 5", "GetPayment is retried 5 times: 2 at most"),
        (PAYMENTS, "      timeout: 2s\n", "", "GetPayment has no `timeout`"),
        (ORDERS, f"WatchOrder}}}}\n{RETRIES}", f"WatchOrder}}}}\n      timeout: 9s\n{RETRIES}",
         "WatchOrder is a stream, which has"),
        (PAYMENTS, f"exact: {PAY}GetPayment", f"exact: {PAY}FindPayment",
         f"row reads-traffic: {PAY}FindPayment is no method"),
        (PAYMENTS, f"exact: {PAY}GetPayment", "prefix: /shop.payments",
         "row reads-traffic: a match of no exact path is no"),
        (ORDERS, f"        - {{uri: {{exact: {PLACE}}}, gateways: [mesh]}}\n", "        - {gateways: [mesh]}\n",
         "row once: a match of"),
        (ORDERS, f"exact: {PLACE.replace('Place', 'Cancel')}}}, gat", f"exact: {GET}}}, gat",
         f"{GET} is no method of orders.shop"),
        (ORDERS, "{name: orders-traffic,", "{name: catalog-traffic,",
         "is delegated to catalog-traffic, which is not orders's"),
        (PAYMENTS, f"              - {PAY}RefundPayment\n", "", f"{PAY}RefundPayment is in no AuthorizationPolicy"),
        (PAYMENTS, f"              - {PAY}RefundPayment\n", f"              - {PAY}*\n",
         f"sa/orders call {PAY}*, which is no method"),
        (PAYMENTS, FROM, "    - to:", f"lets * call {PAY}CapturePayment: name a ServiceAccount of the mesh"),
        (PAYMENTS, f"paths:\n              - {PAY}Auth", f"paths:\n              - {PLACE}\n              - {PAY}Auth",
         "no method of payments"),
        (ORDERS, HOST, "", "payments permits calls of orders, but the Sidecar of orders does not list payments"),
        (ORDERS, HOST, HOST + HOST.replace("payments", "reflection"), "the Sidecar of orders lists reflection, whose"),
        (GATEWAY, f"              - {PLACE}\n", "",
         f"{PLACE} is public by its contract, but not in the gateway's Auth"),
        (GATEWAY, f"- {PLACE}\n", f"- {PLACE}\n              - {PAY}RefundPayment\n",
         "gateway's AuthorizationPolicy, but not public"),
        (f"{BASE}/gateway.yaml", "name: grpc\n        protocol: GRPC", "name: web\n        protocol: HTTP",
         "port 8080: name and protocol"),
        (f"{WORKLOADS}/catalog.yaml", "    - name: grpc\n", "    - name: http\n",
         "catalog.yaml: port 50051: name and appProtocol"),
        (f"{CONTRACTS}/kustomization.yaml", "  - payments.yaml\n", "",
         "contracts/payments.yaml is not in its kustomization.yaml"),
    ],
)  # fmt: skip
def test_a_manifest_that_differs_from_the_contracts_is_found(
    copy: Path, file: str, old: str, new: str, message: str
) -> None:
    text = (copy / file).read_text()
    assert old in text
    # Routes stand twice, for the mesh and for the gateway; the first is enough.
    (copy / file).write_text(text.replace(old, new, 1))
    found = violations(copy)
    assert any(message in violation for violation in found), found


def test_a_new_method_needs_policies(copy: Path) -> None:
    new = "/shop.payments.v1.PaymentsService/DropPayment"
    found = violations(copy, methods() | {new: methods()[f"{PAY}VoidPayment"]})
    assert [line.split(":")[0] for line in found] == [
        f"{new} has no route in a VirtualService",
        f"{new} is in no AuthorizationPolicy",
    ]


def test_a_method_that_becomes_unsafe_must_not_be_retried(copy: Path) -> None:
    found = violations(copy, methods() | {GET: methods()[PLACE]})
    assert found
    assert all(f"{GET} is retried, but its contract declares neither" in line for line in found)


def test_a_new_service_needs_a_workload_and_policies(copy: Path) -> None:
    (copy / "services/returns").mkdir()
    (copy / "services/returns/__main__.py").write_text("")
    assert violations(copy) == [
        "returns has no policies: run `make generate`, which reads services/returns/service.yaml",
        "mesh/kubernetes/base/returns.yaml does not exist",
    ]
