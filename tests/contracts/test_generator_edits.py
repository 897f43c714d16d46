"""An edit of the generator is a change of the policies: `make breaking` reports what it takes from callers."""

import pytest

from tests.contracts.conftest import Checkout
from tools.breaking.effects import Effects, Grant, parse, read
from tools.breaking.policies import generated
from tools.breaking.sources import ROOT, build

GENERATOR = "tools/protoc_gen_istio"
SUMMARY = "breaking change"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        pytest.param(
            "contracts.py",
            "DEFAULT_READ_TIMEOUT_MS, DEFAULT_WRITE_TIMEOUT_MS = 2000, 3000",
            "DEFAULT_READ_TIMEOUT_MS, DEFAULT_WRITE_TIMEOUT_MS = 1000, 3000",
            "The timeout of a call inside the mesh is 1 s instead of 2 s.",
            id="default timeout",
        ),
        pytest.param("objectives.py", "CRITICAL = 256", "CRITICAL = 200", "At most 200 calls in flight", id="tier"),
        pytest.param("routes.py", "RETRIES = 2", "RETRIES = 1", "is retried 1 times instead of 2", id="retries"),
        pytest.param(
            "routes.py",
            "unavailable,connect-failure,",
            "connect-failure,",
            "no longer after unavailable",
            id="retryOn",
        ),
    ],
)
def test_an_edit_of_the_generator_is_reported_before_make_generate(
    checkout: Checkout, file: str, old: str, new: str, expected: str
) -> None:
    checkout.edit(f"{GENERATOR}/{file}", old, new)
    run = checkout.run(".venv/bin/python", "-m", "tools.breaking", "HEAD")
    assert run.returncode == 1, run.stdout
    assert expected in run.stdout
    assert "  level     policy: " in run.stdout


def test_a_fault_that_the_generator_finds_is_one_line(checkout: Checkout) -> None:
    checkout.edit("services/orders/service.yaml", "[BookShipment, CancelShipment]", "[BookShipment, StopShipment]")
    run = checkout.run(".venv/bin/python", "-m", "tools.breaking", "HEAD")
    assert "Traceback" not in run.stdout
    assert "orders/calls/shop.shipping.v1.ShippingService/CancelShipment" in run.stdout
    assert "breaking: services/orders/service.yaml:" in run.stdout
    assert run.returncode == 1, "the dropped call breaks older programs"
    checkout.edit("services/orders/service.yaml", "[BookShipment, StopShipment]", "[BookShipment, CancelShipment, No]")
    run = checkout.run(".venv/bin/python", "-m", "tools.breaking", "HEAD")
    assert run.returncode == 2
    assert run.stdout.splitlines()[-1].startswith("breaking: services/orders/service.yaml:")


def test_generated_and_committed_policies_have_the_same_effect(tmp_path_factory: pytest.TempPathFactory) -> None:
    state = build(ROOT, tmp_path_factory.mktemp("image") / "image.binpb")
    committed = parse(path.read_text(encoding="utf-8") for path in (ROOT / "mesh/istio/contracts").glob("*.yaml"))
    effects = generated(state)
    assert effects == committed
    assert effects.routes[True, "/shop.orders.v1.OrdersService/PlaceOrder"].timeout_ms == 14_000
    assert effects.limits["calls in flight of an instance of catalog"] == 256
    assert effects.rates["/shop.identity.v1.IdentityService/IssueToken", "masked_remote_address"] == 30
    assert read([]) == Effects()


@pytest.mark.parametrize(
    ("now", "was", "covered"),
    [
        (Grant(None, None, frozenset()), Grant(frozenset({"a"}), frozenset({"i/*"}), frozenset()), True),
        (Grant(frozenset({"a", "b"}), None, frozenset()), Grant(frozenset({"a"}), None, frozenset()), True),
        (Grant(frozenset({"b"}), None, frozenset()), Grant(frozenset({"a"}), None, frozenset()), False),
        (Grant(None, frozenset({"*"}), frozenset()), Grant(None, frozenset({"i/*"}), frozenset()), True),
        (Grant(None, frozenset({"i/*"}), frozenset()), Grant(None, frozenset({"*"}), frozenset()), False),
        (Grant(None, frozenset({"i/*"}), frozenset()), Grant(None, None, frozenset()), False),
        (
            Grant(None, None, frozenset({("roles", frozenset({"a", "b"}))})),
            Grant(None, None, frozenset({("roles", frozenset({"a"}))})),
            True,
        ),
        (Grant(None, None, frozenset({("roles", frozenset({"a"}))})), Grant(None, None, frozenset()), False),
    ],
)
def test_a_grant_covers_another_if_it_admits_every_caller(now: Grant, was: Grant, covered: bool) -> None:  # noqa: FBT001  # a case
    assert now.covers(was) == covered
