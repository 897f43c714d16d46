"""`make breaking` reports for every kind of edit what it breaks, where, and for which consumers."""

import json
import re
from pathlib import Path

import pytest

from tests.contracts.conftest import Checkout
from tests.support.checkout import ROOT
from tests.support.edits import EDITS
from tests.support.edits.edit import ANALYTICS, CATALOG, EVENTS, INVENTORY, ORDERS, PAYMENTS, SHIPPING, Edit
from tools.breaking import structure
from tools.breaking.advice import ADVICE
from tools.breaking.report import compare
from tools.breaking.sources import State, build


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> State:
    """Return the current contracts, built once."""
    return build(ROOT, tmp_path_factory.mktemp("older") / "older.binpb")


def report(contracts: Checkout, older: State) -> list[str]:
    """Return the lines of the report."""
    return compare(older, build(contracts.root, contracts.root.parent / "newer.binpb")).text().splitlines()


def locate(root: Path, file: str, word: str) -> str:
    """Return the only location of a word in a file: "services/orders/peers.py:57"."""
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if word in line]
    return f"{file}:{number}"


BREAKING = {name: each for name, each in EDITS.items() if each.findings}
COMPATIBLE = {name: each for name, each in EDITS.items() if not each.findings}


def apply(edit: Edit, contracts: Checkout) -> None:
    """Apply an edit to a copy of the contracts."""
    for replacement in edit.replacements:
        replacement.apply(contracts.root)


@pytest.mark.parametrize("edit", BREAKING.values(), ids=BREAKING)
def test_a_breaking_change_is_reported_with_its_level_and_consumers(
    contracts: Checkout, older: State, edit: Edit
) -> None:
    apply(edit, contracts)
    lines = report(contracts, older)
    subjects = [line.partition(": ")[2] for line in lines if re.match(r"\S+:\d+: ", line)]
    levels = [line.split()[1].rstrip(":") for line in lines if line.startswith("  level ")]
    assert sorted(zip(subjects, levels, strict=True)) == sorted(edit.findings)
    assert lines[-1].partition("consumers: ")[2] == edit.consumers


@pytest.mark.parametrize("edit", COMPATIBLE.values(), ids=COMPATIBLE)
def test_a_compatible_change_passes_and_is_listed(contracts: Checkout, older: State, edit: Edit) -> None:
    apply(edit, contracts)
    assert report(contracts, older) == ["no breaking changes", *edit.notes]


def test_the_table_of_edits_is_large_and_balanced_with_at_most_two_false_alarms() -> None:
    assert len(EDITS) >= 200
    assert sum(each.is_breaking for each in EDITS.values()) >= 100
    assert sum(not each.is_breaking for each in EDITS.values()) >= 80
    assert sum(bool(each.false_alarm) for each in EDITS.values()) <= 2


def test_a_finding_has_its_location_its_consumers_and_an_alternative(contracts: Checkout, older: State) -> None:
    contracts.edit(CATALOG, "  string display_name = 2 [", "  string title = 2 [")
    served = locate(ROOT, "services/catalog/messages.py", "message.display_name = product.display_name")
    read = locate(ROOT, "services/orders/peers.py", "product.display_name")
    public = "GetProduct, BatchGetProducts, ListProducts, CreateProduct"
    assert report(contracts, older) == [
        f"{locate(contracts.root, CATALOG, 'string title')}: shop.catalog.v1.Product.display_name",
        '  change    Field "2" on message "Product" changed name from "display_name" to "title".',
        "  level     JSON: REST and grpcurl callers misread or miss it; code that names it must change",
        "  rule      FIELD_SAME_NAME",
        f"  affects   catalog ({served}): serves it",
        f"            operator: calls on demand {public} and 1 more",
        f"            orders ({read}): calls BatchGetProducts",
        f"            outside: calls {public} and 1 more through the gateway",
        f"  instead   {ADVICE['FIELD_SAME_NAME']}",
        "",
        "1 breaking change: 1 JSON; consumers: operator, orders, outside",
    ]


def test_fields_with_the_same_name_are_distinguished(contracts: Checkout, older: State) -> None:
    # The operator reads the field `state` of five messages.
    contracts.edit(PAYMENTS, "  State state = 2 ", "  State status = 2 ")
    line = locate(ROOT, "services/operator/peers.py", "_value_name(payments_pb2.Payment.State, payment.state)")
    assert f"  affects   operator ({line}): calls ListPayments; calls on demand GetPayment" in report(contracts, older)


def test_the_calls_and_the_implementation_of_a_method_are_found(contracts: Checkout, older: State) -> None:
    contracts.edit(INVENTORY, "rpc ReserveStock(", "rpc HoldStock(")
    lines = "\n".join(report(contracts, older))
    assert f"orders ({locate(ROOT, 'services/orders/peers.py', '_stub.ReserveStock(')}): calls ReserveStock" in lines
    assert f"inventory ({locate(ROOT, 'services/inventory/servicer.py', 'def ReserveStock(')}): serves it" in lines


def test_the_consumers_of_an_event_are_found(contracts: Checkout, older: State) -> None:
    contracts.edit(EVENTS, "message OrderRejected {", "message OrderRefused {")
    lines = [line for line in report(contracts, older) if ": consumes OrderRejected" in line]
    assert len(lines) == 4
    for service, line in zip(("analytics", "inventory", "notifications", "operator"), lines, strict=True):
        assert f"{service} (services/{service}/events.py:" in line


def test_a_consumer_that_stops_calling_in_the_same_change_still_counts(contracts: Checkout, older: State) -> None:
    contracts.edit(SHIPPING, "rpc QuoteShipping(", "rpc Quote(")
    call = "  - to: shop.shipping.v1.ShippingService\n    methods: [QuoteShipping]\n    during: [PlaceOrder]\n"
    contracts.edit("services/orders/service.yaml", call, "")
    assert report(contracts, older)[-1] == "1 breaking change: 1 wire; consumers: orders, outside"


def test_a_removed_file_is_reported_once(contracts: Checkout, older: State) -> None:
    (contracts.root / ANALYTICS).unlink()
    lines = report(contracts, older)
    assert lines[0] == f"{ANALYTICS}:1: shop.analytics.v1"
    assert lines[-1] == "1 breaking change: 1 wire; consumers: operator"


def test_a_new_required_oneof_breaks_callers(contracts: Checkout, older: State) -> None:
    fields = "option (buf.validate.oneof).required = true;\n    bool fast = 8;\n    bool slow = 9;"
    contracts.edit(
        SHIPPING, "message QuoteShippingRequest {\n", f"message QuoteShippingRequest {{\n  oneof speed {{ {fields} }}\n"
    )
    lines = report(contracts, older)
    assert lines[0].endswith(": shop.shipping.v1.QuoteShippingRequest.speed")
    assert lines[-1] == "1 breaking change: 1 behaviour; consumers: orders, outside"


NUL = '      pattern: "^[^\\\\x00]*$"\n    }\n  ];\n'
LOCALITY = f"      min_len: 1\n      max_len: 100\n{NUL}  // The postal code"
MOVED = f"      max_len: 100\n{NUL}  string floor = 9;\n  // The postal code"


@pytest.mark.parametrize(
    ("expression", "last"),
    [
        ("this.locality != ''", "looser: rules of field shop.orders.v1.ShippingAddress.locality"),
        ("this.locality.size() > 2", "1 breaking change: 1 behaviour; consumers: outside"),
    ],
    ids=["unchanged", "stricter"],
)
def test_a_rule_that_moves_from_a_message_to_the_request_is_compatible(
    contracts: Checkout, older: State, expression: str, last: str
) -> None:
    contracts.edit(ORDERS, LOCALITY, MOVED)
    rule = f'{{id: "locality", message: "must be set", expression: "{expression}"}}'
    contracts.edit(
        ORDERS,
        "  ShippingAddress shipping_address = 5 [(google.api.field_behavior) = OPTIONAL];",
        f"  ShippingAddress shipping_address = 5 [(buf.validate.field).cel = {rule}];",
    )
    lines = report(contracts, older)
    assert lines[-1] == last


def test_several_changes_are_sorted_by_severity_and_summarized(contracts: Checkout, older: State) -> None:
    contracts.edit(ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 5}")
    contracts.edit(CATALOG, "  bool discontinued = 6 [(google.api.field_behavior) = OPTIONAL];\n", "")
    contracts.edit(PAYMENTS, "STATE_VOIDED = 3;", "STATE_LET_GO = 3;")
    contracts.edit(
        SHIPPING,
        "  string reference = 6 [(google.api.field_behavior) = OUTPUT_ONLY];",
        '  reserved 6;\n  reserved "reference";',
    )
    lines = report(contracts, older)
    levels = [line.split()[1] for line in lines if line.startswith("  level ")]
    assert levels == ["wire:", "JSON:", "behaviour:", "source:"]
    assert lines[-1] == (
        "4 breaking changes: 1 wire, 1 JSON, 1 behaviour, 1 source; consumers: operator, orders, outside"
    )


def test_levels_match_the_categories_of_buf(project: Checkout) -> None:
    run = project.buf("config", "ls-breaking-rules", "--format", "json")
    rules = {rule["id"]: rule["categories"] for rule in map(json.loads, run.stdout.splitlines())}
    wire = {rule for rule, categories in rules.items() if "WIRE" in categories}
    json_only = {rule for rule, categories in rules.items() if "WIRE_JSON" in categories} - wire
    assert wire - {"RPC_SAME_IDEMPOTENCY_LEVEL"} == structure.WIRE
    assert json_only == structure.JSON
    assert rules.keys() >= structure.UNIMPLEMENTED_CALLS | structure.NAMES_ON_THE_WIRE
