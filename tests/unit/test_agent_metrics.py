"""Label selectors of `kubectl top`."""

import pytest

from mesh.local.agent.metrics import matches

LABELS = {"app": "orders", "version": "v1"}


@pytest.mark.parametrize(
    "selector",
    [
        "",
        "app=orders",
        "app == orders,version=v1",
        "app!=catalog",
        "version in (v1, v2),app",
        "version notin (v2)",
        "!x",
    ],
)
def test_a_selector_matches(selector: str) -> None:
    assert matches(selector, LABELS)


@pytest.mark.parametrize(
    "selector",
    ["app=catalog", "app=orders,version=v2", "app!=orders", "version in (v2, v3)", "app notin (orders)", "!app", "x"],
)
def test_a_selector_does_not_match(selector: str) -> None:
    assert not matches(selector, LABELS)
