"""gen/ and mesh/istio/contracts/ are what `make generate` writes from the contracts, and nothing else."""

from filecmp import cmp
from pathlib import Path

import pytest

from tests.contracts.conftest import ROOT, Checkout

GENERATED = ("gen", "mesh/istio/contracts")


def files(folder: Path) -> set[str]:
    """Answer the paths of all files in a folder, but for what Python itself writes there."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def generate(checkout: Checkout, scratch: Path) -> Path:
    """Generate a checkout's code anew into a scratch folder."""
    run = checkout.buf("generate", "--output", str(scratch))
    assert run.returncode == 0, run.stdout
    return scratch


def assert_fresh(checkout: Checkout, generated: Path) -> None:
    """Compare a checkout's code with what was generated: every file that differs is named."""
    stale: list[str] = []
    for folder in GENERATED:
        have, want = checkout.root / folder, generated / folder
        same = {file for file in files(have) & files(want) if cmp(have / file, want / file, shallow=False)}
        stale += sorted(f"{folder}/{file}" for file in (files(have) | files(want)) - same)
    if stale:
        pytest.fail(f"not what `make generate` writes (run it; its files are never edited): {', '.join(stale)}")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the contracts of this checkout generate."""
    return generate(Checkout(ROOT), tmp_path_factory.mktemp("generated"))


def test_what_is_generated_is_fresh(project: Checkout, generated: Path) -> None:
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


def test_a_contract_changed_without_generating_is_found(checkout: Checkout, tmp_path: Path) -> None:
    checkout.edit("proto/shop/payments/v1/payments.proto", "STATE_VOIDED = 3;", "STATE_CANCELLED = 3;")
    with pytest.raises(pytest.fail.Exception, match=r"payments_pb2\.py,.*payments_pb2\.pyi"):
        assert_fresh(checkout, generate(checkout, tmp_path / "scratch"))


def test_what_a_removed_contract_left_in_gen_is_found_and_generate_removes_it(
    checkout: Checkout, generated: Path
) -> None:
    left = checkout.root / "gen/shop/gone/v1/gone_pb2.py"
    left.parent.mkdir(parents=True)
    left.write_text("")
    with pytest.raises(pytest.fail.Exception, match=r"gen/shop/gone/v1/gone_pb2\.py$"):
        assert_fresh(checkout, generated)
    assert checkout.make("generate").returncode == 0
    assert not left.exists()


def test_a_new_field_shows_in_the_generated_code(checkout: Checkout) -> None:
    field = "  // How long the product is, in millimetres.\n  int32 length_mm = 14;\n"
    last = "  bool discontinued = 6;\n"
    checkout.edit("proto/shop/catalog/v1/catalog.proto", last, last + field)
    assert checkout.make("generate").returncode == 0
    types = (checkout.root / "gen/shop/catalog/v1/catalog_pb2.pyi").read_text(encoding="utf-8")
    assert "length_mm: _builtins.int" in types
    assert "How long the product is, in millimetres." in types
