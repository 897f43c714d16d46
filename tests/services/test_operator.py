"""The operator's commands print JSON for a successful call, and one line for a failed one."""

import json
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT
from tests.support.processes import targets
from tests.support.starters import Shared

GET_PRODUCT = "shop.catalog.v1.CatalogService/GetProduct"
RECEIVE_STOCK = "shop.inventory.v1.InventoryService/ReceiveStock"


def operator(*words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.operator", *words]
    env = {"PYTHONPATH": str(ROOT), **(environment or {})}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_call_prints_json(shared: Shared) -> None:
    run = operator("call", GET_PRODUCT, '{"name": "products/p-0001"}', environment=targets(shared("catalog")))
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["product"]["name"] == "products/p-0001"


def test_a_write_without_a_request_id_gets_a_new_one(shared: Shared) -> None:
    request = '{"name": "stocks/new", "pieces": 2}'
    run = operator("call", RECEIVE_STOCK, request, environment=targets(shared("inventory")))
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["stock"]["available"] == "2"


def test_an_error_is_printed_in_one_line_with_status_reason_and_fields(shared: Shared) -> None:
    run = operator("call", RECEIVE_STOCK, '{"name": "x", "pieces": -1}', environment=targets(shared("inventory")))
    assert (run.returncode, run.stdout) == (1, "")
    [line] = run.stderr.splitlines()
    assert line.startswith("INVALID_ARGUMENT INVALID_FIELDS: ")
    assert "name does not match" in line
    assert "pieces must" in line


def test_resuming_an_unknown_order_fails(shared: Shared) -> None:
    run = operator("resume", "orders/none", environment=targets(shared("orders")))
    assert run.returncode == 1
    assert run.stderr.startswith("NOT_FOUND ORDER_NOT_FOUND: ")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["call", "shop.catalog.v1.CatalogService/DropProduct"], "no contract has a method"),
        (["call", "nonsense"], "no contract has a method"),
        (["call", GET_PRODUCT, "{"], "the request: "),
        (
            ["call", GET_PRODUCT, '{"colour": "red"}'],
            'the request: Message type "shop.catalog.v1.GetProductRequest" has no field',
        ),
        ([], "the following arguments are required: command"),
        (["ledger", "--within", "long"], "invalid float value"),
    ],
)
def test_an_invalid_command_is_rejected(words: list[str], error: str) -> None:
    run = operator(*words)
    assert run.returncode == 2
    assert error in run.stderr
    assert "Traceback" not in run.stderr


def test_an_unavailable_service_is_reported(shared: Shared) -> None:
    run = operator("ledger", "--within", "0", environment={**targets(shared("orders")), "PAYMENTS_TARGET": "unix:none"})
    assert run.returncode != 0
    assert run.stderr.startswith("UNAVAILABLE: ")
    assert "Traceback" not in run.stderr
