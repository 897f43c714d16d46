"""gen/ and the two folders `contracts` in mesh/ contain exactly what `make generate` writes from the contracts."""

from filecmp import cmp
from pathlib import Path

import pytest

from tests.contracts.conftest import Checkout
from tests.support.checkout import ROOT

GENERATED = ("gen", "mesh/istio/contracts", "mesh/observability/contracts")


def files(folder: Path) -> set[str]:
    """Return the paths of all files in a folder, except Python's bytecode."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def generate(checkout: Checkout, scratch: Path) -> Path:
    """Generate a checkout's code into a scratch folder."""
    run = checkout.buf("generate", "--output", str(scratch))
    assert run.returncode == 0, run.stdout
    return scratch


def assert_fresh(checkout: Checkout, generated: Path) -> None:
    """Assert that a checkout's files equal the generated ones. The failure names every file that differs."""
    stale: list[str] = []
    for folder in GENERATED:
        actual, expected = checkout.root / folder, generated / folder
        common = files(actual) & files(expected)
        same = {file for file in common if cmp(actual / file, expected / file, shallow=False)}
        stale += sorted(f"{folder}/{file}" for file in (files(actual) | files(expected)) - same)
    if stale:
        pytest.fail(f"differs from the output of `make generate` (run it; do not edit its files): {', '.join(stale)}")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that are generated from this checkout."""
    return generate(Checkout(ROOT), tmp_path_factory.mktemp("generated"))


def test_generated_files_are_up_to_date(project: Checkout, generated: Path) -> None:
    assert_fresh(project, generated)


def test_an_edit_in_gen_is_found(checkout: Checkout, generated: Path) -> None:
    edited = "gen/shop/orders/v1/orders_pb2_grpc.py"
    checkout.edit(edited, "class OrdersServiceServicer:", "class OrdersServiceServicer(object):")
    with pytest.raises(pytest.fail.Exception, match=f"`make generate`.*: {edited}$"):
        assert_fresh(checkout, generated)


def test_an_edit_in_a_policy_is_found(checkout: Checkout, generated: Path) -> None:
    edited = checkout.root / "mesh/istio/contracts/orders.yaml"
    edited.write_text(edited.read_text(encoding="utf-8").replace("timeout: 14s", "timeout: 20s"), encoding="utf-8")
    with pytest.raises(pytest.fail.Exception, match=r"`make generate`.*: mesh/istio/contracts/orders\.yaml$"):
        assert_fresh(checkout, generated)


def test_a_changed_contract_without_generated_code_is_found(checkout: Checkout, tmp_path: Path) -> None:
    checkout.edit("proto/shop/payments/v1/payments.proto", "STATE_VOIDED = 3;", "STATE_CANCELLED = 3;")
    with pytest.raises(pytest.fail.Exception, match=r"payments_pb2\.py,.*payments_pb2\.pyi"):
        assert_fresh(checkout, generate(checkout, tmp_path / "scratch"))


def test_files_of_a_removed_contract_are_found_and_generate_removes_them(checkout: Checkout, generated: Path) -> None:
    leftover = checkout.root / "gen/shop/gone/v1/gone_pb2.py"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("")
    with pytest.raises(pytest.fail.Exception, match=r"gen/shop/gone/v1/gone_pb2\.py$"):
        assert_fresh(checkout, generated)
    assert checkout.make("generate").returncode == 0
    assert not leftover.exists()


def test_a_new_field_is_in_the_generated_code(checkout: Checkout) -> None:
    field = "  // How long the product is, in millimetres.\n  int32 length_mm = 14;\n"
    last = "  bool discontinued = 6 [(google.api.field_behavior) = OPTIONAL];\n"
    checkout.edit("proto/shop/catalog/v1/catalog.proto", last, last + field)
    assert checkout.make("generate").returncode == 0
    types = (checkout.root / "gen/shop/catalog/v1/catalog_pb2.pyi").read_text(encoding="utf-8")
    assert "length_mm: _builtins.int" in types
    assert "How long the product is, in millimetres." in types
