"""Of every edit of the contracts it is known what it breaks, for whom and where, or that it breaks nobody."""

import json
from pathlib import Path

import pytest

from tests.contracts.conftest import ROOT, Checkout
from tests.contracts.edits import (
    ADDITIONS,
    ANALYTICS,
    BREAKS,
    CATALOG,
    EVENTS,
    INVENTORY,
    ORDERS,
    PAYMENTS,
    SHIPPING,
    Addition,
    Break,
)
from tools.breaking import structure
from tools.breaking.advice import ADVICE
from tools.breaking.report import compare
from tools.breaking.sources import State, build


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> State:
    """Build the contracts as they stand, once."""
    return build(ROOT, tmp_path_factory.mktemp("older") / "older.binpb")


def judge(contracts: Checkout, older: State) -> list[str]:
    """Answer the lines of the report."""
    return compare(older, build(contracts.root, contracts.root.parent / "newer.binpb")).text().splitlines()


def place(root: Path, file: str, word: str) -> str:
    """Answer where a word stands, once, in a file: "services/orders/peers.py:57"."""
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if word in line]
    return f"{file}:{number}"


@pytest.mark.parametrize("edit", BREAKS.values(), ids=BREAKS)
def test_what_breaks_is_told_with_its_level_and_its_consumers(contracts: Checkout, older: State, edit: Break) -> None:
    contracts.edit(edit.file, edit.old, edit.new)
    lines = judge(contracts, older)
    assert lines[0].startswith(f"{edit.file}:")
    assert lines[0].endswith(f": {edit.subject}")
    assert lines[2].startswith(f"  level     {edit.level}: ")
    assert lines[-1] == f"1 breaking change: 1 {edit.level}; consumers: {edit.consumers}"


@pytest.mark.parametrize("edit", ADDITIONS.values(), ids=ADDITIONS)
def test_what_breaks_nobody_passes_and_is_listed(contracts: Checkout, older: State, edit: Addition) -> None:
    contracts.edit(edit.file, edit.old, edit.new)
    assert judge(contracts, older) == ["nothing breaks", *filter(None, [edit.told])]


def test_a_finding_tells_where_it_is_what_it_breaks_for_whom_and_what_to_do(contracts: Checkout, older: State) -> None:
    contracts.edit(CATALOG, "  string display_name = 2 [", "  string title = 2 [")
    written = place(ROOT, "services/catalog/messages.py", "display_name=product.display_name")
    read = place(ROOT, "services/orders/peers.py", "product.display_name")
    public = "GetProduct, BatchGetProducts, ListProducts, CreateProduct"
    assert judge(contracts, older) == [
        f"{place(contracts.root, CATALOG, 'string title')}: shop.catalog.v1.Product.display_name",
        '  broken    Field "2" on message "Product" changed name from "display_name" to "title".',
        "  level     JSON: callers over REST and grpcurl misread or miss it; code must change where it names it",
        "  rule      FIELD_SAME_NAME",
        f"  for whom  catalog ({written}): serves it",
        f"            operator: calls by hand {public} and 1 more",
        f"            orders ({read}): calls BatchGetProducts",
        f"            outside: callers through the gateway, of {public} and 1 more",
        f"  instead   {ADVICE['FIELD_SAME_NAME']}",
        "",
        "1 breaking change: 1 JSON; consumers: operator, orders, outside",
    ]


def test_of_fields_with_one_name_the_right_one_is_found(contracts: Checkout, older: State) -> None:
    # The operator reads the field `state` of five messages.
    contracts.edit(PAYMENTS, "  State state = 2;", "  State status = 2;")
    line = place(ROOT, "services/operator/peers.py", "Payment(each.name, _value_name(states, each.state)")
    assert f"  for whom  operator ({line}): calls ListPayments; calls by hand GetPayment" in judge(contracts, older)


def test_a_method_is_found_where_it_is_called_and_served(contracts: Checkout, older: State) -> None:
    contracts.edit(INVENTORY, "rpc ReserveStock(", "rpc HoldStock(")
    lines = "\n".join(judge(contracts, older))
    assert f"orders ({place(ROOT, 'services/orders/peers.py', '_stub.ReserveStock(')}): calls ReserveStock" in lines
    assert f"inventory ({place(ROOT, 'services/inventory/servicer.py', 'def ReserveStock(')}): serves it" in lines


def test_an_event_is_found_where_it_is_consumed(contracts: Checkout, older: State) -> None:
    contracts.edit(EVENTS, "message OrderRejected {", "message OrderRefused {")
    lines = [line for line in judge(contracts, older) if ": consumes OrderRejected" in line]
    assert len(lines) == 4
    for service, line in zip(("analytics", "inventory", "notifications", "operator"), lines, strict=True):
        assert f"{service} (services/{service}/events.py:" in line


def test_a_consumer_that_stops_calling_in_the_same_change_still_runs(contracts: Checkout, older: State) -> None:
    contracts.edit(SHIPPING, "rpc QuoteShipping(", "rpc Quote(")
    call = "  - to: shop.shipping.v1.ShippingService\n    methods: [QuoteShipping]\n    during: [PlaceOrder]\n"
    contracts.edit("services/orders/service.yaml", call, "")
    assert judge(contracts, older)[-1] == "1 breaking change: 1 wire; consumers: orders"


def test_what_a_removed_file_held_is_told_once(contracts: Checkout, older: State) -> None:
    (contracts.root / ANALYTICS).unlink()
    lines = judge(contracts, older)
    assert lines[0] == f"{ANALYTICS}:1: shop.analytics.v1"
    assert lines[-1] == "1 breaking change: 1 wire; consumers: operator"


def test_one_of_several_new_fields_may_not_be_required(contracts: Checkout, older: State) -> None:
    fields = "option (buf.validate.oneof).required = true;\n    bool fast = 8;\n    bool slow = 9;"
    contracts.edit(
        SHIPPING, "message QuoteShippingRequest {\n", f"message QuoteShippingRequest {{\n  oneof speed {{ {fields} }}\n"
    )
    lines = judge(contracts, older)
    assert lines[0].endswith(": shop.shipping.v1.QuoteShippingRequest.speed")
    assert lines[-1] == "1 breaking change: 1 behaviour; consumers: orders"


LOCALITY = "(shop.rules.v1.text) = 100\n  ];\n  // The postal code"
MOVED = "(shop.rules.v1.optional_text) = 100\n  ];\n  string floor = 9;\n  // The postal code"


@pytest.mark.parametrize(
    ("expression", "last"),
    [
        ("this.locality != ''", "added: field shop.orders.v1.ShippingAddress.floor"),
        ("this.locality.size() > 2", "1 breaking change: 1 behaviour; consumers: outside"),
    ],
    ids=["as it was", "stricter"],
)
def test_a_rule_that_moves_from_a_message_to_the_request_breaks_nobody(
    contracts: Checkout, older: State, expression: str, last: str
) -> None:
    contracts.edit(ORDERS, LOCALITY, MOVED)
    rule = f'{{id: "locality", message: "must be set", expression: "{expression}"}}'
    contracts.edit(
        ORDERS,
        "  ShippingAddress shipping_address = 5 [(google.api.field_behavior) = OPTIONAL];",
        f"  ShippingAddress shipping_address = 5 [(buf.validate.field).cel = {rule}];",
    )
    lines = judge(contracts, older)
    assert lines[-1] == last
    assert ("to judge: rules of field shop.orders.v1.PlaceOrderRequest.shipping_address" in "\n".join(lines)) == (
        lines[0] == "nothing breaks"
    )


def test_several_changes_are_summed_up_the_worst_first(contracts: Checkout, older: State) -> None:
    contracts.edit(ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 5}")
    contracts.edit(CATALOG, "  bool discontinued = 6;\n", "")
    contracts.edit(PAYMENTS, "STATE_VOIDED = 3;", "STATE_LET_GO = 3;")
    contracts.edit(SHIPPING, "  string reference = 6;", '  reserved 6;\n  reserved "reference";')
    lines = judge(contracts, older)
    levels = [line.split()[1] for line in lines if line.startswith("  level ")]
    assert levels == ["wire:", "JSON:", "behaviour:", "source:"]
    assert lines[-1] == (
        "4 breaking changes: 1 wire, 1 JSON, 1 behaviour, 1 source; consumers: operator, orders, outside"
    )


def test_levels_are_buf_s_own_categories(project: Checkout) -> None:
    run = project.buf("config", "ls-breaking-rules", "--format", "json")
    rules = {rule["id"]: rule["categories"] for rule in map(json.loads, run.stdout.splitlines())}
    wire = {rule for rule, categories in rules.items() if "WIRE" in categories}
    json_alone = {rule for rule, categories in rules.items() if "WIRE_JSON" in categories} - wire
    assert wire - {"RPC_SAME_IDEMPOTENCY_LEVEL"} == structure.WIRE
    assert json_alone == structure.JSON
    assert rules.keys() >= structure.UNANSWERED | structure.NAMED_ON_THE_WIRE
