"""What the console's page of the contracts knows about each method, from the contracts themselves."""

import shutil
from pathlib import Path

import pytest

from mesh.local.console.contracts import catalog
from mesh.local.console.contracts.attempt import MAX_STREAM_MESSAGES, run_limited
from mesh.local.console.contracts.source import Contracts, Source
from mesh.local.matrix.callers import Caller
from mesh.local.matrix.declared import methods, services
from tests.support.checkout import ROOT

METHODS = methods(ROOT)
PLACE_ORDER = "shop.orders.v1.OrdersService/PlaceOrder"


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    return Source(tmp_path_factory.mktemp("console")).read()


def test_every_method_has_its_page_and_a_valid_example(contracts: Contracts) -> None:
    for method in METHODS:
        details = catalog.method(contracts, method.name)
        assert details
        assert (details.service, details.is_stream) == (method.service, method.is_stream)
        assert details.comment.startswith(method.name.rpartition("/")[2])
        request = contracts.examples.request(method.name)
        assert contracts.examples.is_valid(method.name, request), (method.name, request)


def test_a_request_id_is_never_used_twice(contracts: Contracts) -> None:
    first, second = (contracts.examples.request(PLACE_ORDER) for _ in range(2))
    assert first["requestId"] != second["requestId"]
    assert {**first, "requestId": ""} == {**second, "requestId": ""}


def test_the_page_and_the_matrix_agree_about_who_may_call(contracts: Contracts) -> None:
    for method in METHODS:
        details = catalog.method(contracts, method.name)
        assert details
        assert set(details.summary.callers) == method.callers
        assert set(details.summary.roles) == method.roles
        anonymous = Caller("anonymous", inside=False).may_call(method)
        assert (details.summary.audience == "anyone") == anonymous


def test_every_service_has_what_it_declares(contracts: Contracts) -> None:
    shown = {each.name: each for each in catalog.services(contracts)}
    assert [*shown] == [service.name for service in services(ROOT)]
    orders = shown["orders"]
    assert (orders.owner, orders.tier) == ("checkout", "critical")
    assert "shop.orders.v1.OrderPlaced" in orders.emits
    assert "shop.orders.v1.OrderPlaced" in shown["inventory"].consumes
    assert sum(len(each.methods) for each in shown.values()) == len(METHODS)


def test_rules_are_in_words(contracts: Contracts) -> None:
    details = catalog.method(contracts, PLACE_ORDER)
    assert details
    rules = {field.path: field.rules for field in details.request_fields}
    assert rules["items"] == ["1 to 50 entries", "must name no product twice"]
    assert rules["items[].quantity"] == ["1 to 1000"]
    assert rules["shippingAddress.lines"][:2] == ["1 to 3 entries", "each entry: 1 to 100 characters"]
    assert {field.path for field in details.request_fields if field.required} >= {"requestId", "customer", "items"}


def test_contracts_are_compiled_again_when_they_change(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "proto", root / "proto", ignore=shutil.ignore_patterns("LICENSE"))
    for name in ("third_party", "services", "buf.yaml"):
        (root / name).symlink_to(ROOT / name)
    changed = root / "proto/shop/orders/v1/orders.proto"
    reader = Source(tmp_path / "built", root)
    before = reader.read()
    assert reader.read() is before
    changed.write_text(changed.read_text().replace("PlaceOrder creates an order", "PlaceOrder makes an order"))
    after = catalog.method(reader.read(), PLACE_ORDER)
    assert after
    assert after.comment.startswith("PlaceOrder makes an order")
    assert len([*(tmp_path / "built").iterdir()]) == 1


async def test_a_call_without_an_end_is_stopped() -> None:
    endless = ["sh", "-c", "while :; do printf '\\nResponse contents:\\n{}\\n'; done"]
    stdout, _, stopped = await run_limited(endless, "", {}, seconds=60)
    assert stopped == f"it was stopped after {MAX_STREAM_MESSAGES} messages"
    assert stdout.count("{}") > MAX_STREAM_MESSAGES
    _, _, stopped = await run_limited(["sleep", "600"], "", {}, seconds=0.1)
    assert stopped == "it was stopped after 0.1 s"


async def test_a_call_that_ends_is_not_stopped() -> None:
    assert await run_limited(["sh", "-c", "cat; echo fault >&2"], "{}", {}, seconds=60) == ("{}", "fault\n", "")
