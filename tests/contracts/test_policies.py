"""Every method of the contracts has its policies, and the plugin works for contracts of other projects."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mesh.local.tools import bin_dir
from tests.contracts.conftest import Checkout
from tests.contracts.policies import Output, run_plugin
from tests.contracts.test_generated import assert_fresh, generate
from tests.support.checkout import ROOT
from tests.support.contracts import methods
from tests.support.report import Measured

FOREIGN = ROOT / "tests/contracts/foreign"
BILLING, LEDGER = "/acme.billing.v1.Billing", "/acme.billing.v1.Ledger"


def routes(output: Output, name: str) -> dict[str, dict[str, Any]]:
    """Return the route to the service for each path in a VirtualService."""
    by_path: dict[str, dict[str, Any]] = {}
    for row in output.manifests("VirtualService")[name]["spec"]["http"]:
        if "route" in row:
            by_path |= {match["uri"]["exact"]: row for match in row["match"]}
    return by_path


@pytest.fixture
def foreign(tmp_path: Path) -> Output:
    return run_plugin(FOREIGN, tmp_path / "out", "proto", namespace="billing", max_depth="3")


def test_every_method_has_a_route_with_explicit_retries_and_a_caller(project: Checkout, tmp_path: Path) -> None:
    output = run_plugin(project.root, tmp_path / "out", "proto", services="services", namespace="shop")
    routed = {path: row for name in output.manifests("VirtualService") for path, row in routes(output, name).items()}
    policies = output.manifests("AuthorizationPolicy").values()
    rules = [rule for policy in policies for rule in policy["spec"]["rules"]]
    allowed = {path for rule in rules for to in rule["to"] for path in to["operation"]["paths"]}
    assert set(methods()) == set(routed) == allowed - {"/openapi.json"}
    assert all("attempts" in row["retries"] for row in routed.values())


def test_a_limited_method_has_a_bucket_for_each_user_or_address(checkout: Checkout, tmp_path: Path) -> None:
    listing = 'audience: AUDIENCE_SIGNED_IN};\n    option (google.api.http) = {get: "/v1/orders"}'
    checkout.edit("proto/shop/orders/v1/orders.proto", listing, f"calls_per_minute: 7, {listing}")
    options = {"services": "services", "namespace": "shop", "user_header": "x-principal"}
    output = run_plugin(checkout.root, tmp_path / "out", "proto", **options)
    [patch] = output.manifests("EnvoyFilter")["method-limits"]["spec"]["configPatches"]
    config = patch["patch"]["value"]["typed_config"]
    limits = {
        each["entries"][0]["value"].rpartition("/")[2]: (each["entries"][1]["key"], each["token_bucket"]["max_tokens"])
        for each in config["descriptors"]
    }
    assert limits == {
        "CreateUser": ("masked_remote_address", 10),
        "ChangePassword": ("masked_remote_address", 10),
        "IssueToken": ("masked_remote_address", 30),
        "ListOrders": ("user", 7),
    }
    assert len(config["rate_limits"]) == 2
    assert "ListOrders` | users, 7 calls a minute |" in output.files["README.md"]


def test_contracts_of_other_projects_get_policies(foreign: Output) -> None:
    assert foreign.error == ""
    services = {"billing.yaml", "ledger.yaml", "web.yaml"}
    assert set(foreign.files) == services | {"metrics.yaml", "kustomization.yaml", "README.md"}
    billing = routes(foreign, "billing")
    assert billing[f"{BILLING}/GetInvoice"]["retries"]["attempts"] == 2
    assert billing[f"{BILLING}/GetInvoice"]["timeout"] == "2s"
    assert billing[f"{BILLING}/SendInvoice"]["retries"] == {"attempts": 0}
    assert billing[f"{BILLING}/SendInvoice"]["timeout"] == "3s"
    follow = billing[f"{BILLING}/FollowInvoice"]
    assert (follow["retries"], "timeout" in follow) == ({"attempts": 0}, False)
    assert f"{BILLING}/ImportInvoices" not in billing, "it has no callers"
    rules = foreign.manifests("AuthorizationPolicy")["ledger"]["spec"]["rules"]
    assert [rule["from"][0]["source"]["principals"] for rule in rules] == [["cluster.local/ns/billing/sa/billing"]]
    hosts = foreign.manifests("Sidecar")["web"]["spec"]["egress"][0]["hosts"]
    assert hosts == ["./billing.billing.svc.cluster.local"]


def test_istio_accepts_the_policies_of_other_projects(foreign: Output, tmp_path: Path) -> None:
    files = [str(tmp_path / "out" / name) for name in foreign.files if name not in {"README.md", "kustomization.yaml"}]
    command = [str(bin_dir() / "istioctl"), "validate", *(word for file in files for word in ("-f", file))]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_output_is_deterministic(foreign: Output, tmp_path: Path) -> None:
    assert run_plugin(FOREIGN, tmp_path / "again", "proto", namespace="billing", max_depth="3").files == foreign.files


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["-h"], 0), (["--hlep"], 2)])
def test_help_lists_the_parameters(arguments: list[str], code: int) -> None:
    command = [sys.executable, "-m", "tools.protoc_gen_istio", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert run.returncode == code
    assert "namespace=default" in run.stdout + run.stderr


def test_an_invalid_request_is_an_error_in_one_line() -> None:
    command = [sys.executable, "-m", "tools.protoc_gen_istio"]
    run = subprocess.run(command, cwd=ROOT, input=b"\xff\xff", capture_output=True, check=False, timeout=30)
    assert run.returncode == 1
    assert b"holds no CodeGeneratorRequest" in run.stderr
    assert b"Traceback" not in run.stderr


ADDED = """\
  // RenameProduct changes the name of a product.
  //
  // Errors: NOT_FOUND (PRODUCT_NOT_FOUND) if there is no such product.
  rpc RenameProduct(RenameProductRequest) returns (RenameProductResponse) {
    option idempotency_level = IDEMPOTENT;
  }

"""
MESSAGES = """
// RenameProductRequest names the product.
message RenameProductRequest {
  // The product, "products/{id}".
  string name = 1;
}

// RenameProductResponse holds the product after the call.
message RenameProductResponse {
  // The product.
  Product product = 1;
}
"""


def test_a_new_method_needs_one_command(checkout: Checkout, tmp_path: Path, measured: Measured) -> None:
    contract, declaration = "proto/shop/catalog/v1/catalog.proto", "services/operator/service.yaml"
    checkout.edit(contract, "  // UpdateProduct ", f"{ADDED}  // UpdateProduct ")
    path = checkout.root / contract
    path.write_text(path.read_text(encoding="utf-8") + MESSAGES, encoding="utf-8")
    checkout.edit(declaration, "CreateProduct, UpdateProduct]", "CreateProduct, UpdateProduct, RenameProduct]")
    with pytest.raises(pytest.fail.Exception, match=r"catalog_pb2_grpc\.py.*mesh/istio/contracts/catalog\.yaml"):
        assert_fresh(checkout, generate(checkout, tmp_path / "scratch"))
    by_hand = sum(int(line.split()[0]) for line in checkout.git("diff", "--numstat").splitlines())
    run = checkout.make("generate")
    assert run.returncode == 0, run.stdout
    assert_fresh(checkout, generate(checkout, tmp_path / "again"))
    for file, text in {
        "gen/shop/catalog/v1/catalog_pb2_grpc.py": "RenameProduct",
        "mesh/istio/contracts/catalog.yaml": "exact: /shop.catalog.v1.CatalogService/RenameProduct",
        "mesh/istio/contracts/README.md": "| `shop.catalog.v1.CatalogService/RenameProduct` | - | operator | 3s | 3 |",
    }.items():
        assert text in (checkout.root / file).read_text(encoding="utf-8")
    everything = sum(int(line.split()[0]) for line in checkout.git("diff", "--numstat").splitlines())
    measured(f"a new method: {by_hand} lines by hand, {everything - by_hand} generated")
