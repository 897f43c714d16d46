"""The contracts follow the rules of buf and of the project, and each rule finds a violation."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.contracts import rules
from tests.contracts.conftest import Checkout

ANALYTICS = "proto/shop/analytics/v1/analytics.proto"
CATALOG = "proto/shop/catalog/v1/catalog.proto"
ORDERS = "proto/shop/orders/v1/orders.proto"
PAYMENTS = "proto/shop/payments/v1/payments.proto"


def build(checkout: Checkout) -> FileDescriptorSet:
    """Build the contracts, with their comments."""
    image = checkout.root.parent / "contracts.binpb"
    run = checkout.buf("build", "proto", "--as-file-descriptor-set", "--output", str(image))
    assert run.returncode == 0, run.stdout
    return FileDescriptorSet.FromString(image.read_bytes())


def test_the_contracts_follow_every_rule(checkout: Checkout) -> None:
    assert rules.violations(build(checkout)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            ORDERS,
            "    option idempotency_level = IDEMPOTENCY_UNKNOWN;\n",
            "",
            "shop.orders.v1.OrdersService/PlaceOrder does not state its idempotency_level",
            id="no idempotency_level",
        ),
        pytest.param(
            PAYMENTS,
            "rpc VoidPayment(VoidPaymentRequest)",
            "rpc VoidPayment(GetPaymentRequest)",
            "shop.payments.v1.PaymentsService/VoidPayment is a write without a request_id",
            id="write without request_id",
        ),
        pytest.param(
            PAYMENTS,
            "rpc GetPayment(GetPaymentRequest)",
            "rpc GetPayment(VoidPaymentRequest)",
            "shop.payments.v1.PaymentsService/GetPayment is a read with a request_id",
            id="read with request_id",
        ),
        pytest.param(
            PAYMENTS,
            "  google.type.Money amount = 3 [",
            "  int64 amount = 3 [",
            "shop.payments.v1.Payment.amount is not google.type.Money",
            id="price as a number",
        ),
        pytest.param(
            ORDERS,
            "  int32 quantity = 3 [",
            "  double quantity = 3 [",
            "shop.orders.v1.OrderItem.quantity is a floating-point number",
            id="floating-point number",
        ),
        pytest.param(
            ORDERS,
            "  string page_token = 3 ",
            "  string token = 3 ",
            "shop.orders.v1.OrdersService/ListOrders has no page_token",
            id="list without page token",
        ),
        pytest.param(
            ORDERS,
            '  // The resource name, "orders/{id}". The service chooses the id.',
            "  // The resource name",
            "the comment is not a sentence: 'The resource name'",
            id="comment that is not a sentence",
        ),
        pytest.param(
            ORDERS,
            '  // Errors: INVALID_ARGUMENT (INVALID_FIELDS) if the name is not of the form "orders/{id}"; NOT_FOUND',
            "  // NOT_FOUND",
            "the method's comment does not list its errors",
            id="no errors in the comment",
        ),
        pytest.param(
            CATALOG,
            "    (google.api.field_behavior) = OPTIONAL,\n    (buf.validate.field).int32.gte = 0\n  ];\n"
            "  // The next_page_token of the previous page, or empty for the first page. The other fields",
            "    (google.api.field_behavior) = OPTIONAL\n  ];\n"
            "  // The next_page_token of the previous page, or empty for the first page. The other fields",
            "shop.catalog.v1.ListProductsRequest.page_size has no rule",
            id="field without a rule",
        ),
        pytest.param(
            ORDERS,
            "  string locality = 3 [\n    (google.api.field_behavior) = REQUIRED,\n"
            "    (buf.validate.field).string = {\n      min_len: 1\n      max_len: 100\n"
            '      pattern: "^[^\\\\x00]*$"\n    }\n  ];',
            "  string locality = 3 [(google.api.field_behavior) = OPTIONAL];",
            "shop.orders.v1.ShippingAddress.locality has no rule",
            id="field of a field without a rule",
        ),
        pytest.param(
            ORDERS,
            "rpc GetOrder(GetOrderRequest)",
            "rpc GetOrder(stream GetOrderRequest)",
            "shop.orders.v1.OrdersService/GetOrder takes a stream of requests",
            id="stream of requests",
        ),
        pytest.param(
            ANALYTICS,
            'id: "this.end_time"',
            'id: "period"',
            "the id 'period' does not name a field: use this.<field>",
            id="message rule whose id is not a field",
        ),
        pytest.param(
            CATALOG,
            '    message: "must be in the currency of min_price"\n',
            "",
            "the rule 'this.max_price' has no text",
            id="rule without a text",
        ),
        pytest.param(
            CATALOG,
            "  bool discontinued = 6 [(google.api.field_behavior) = OPTIONAL];",
            "  bool discontinued = 6;",
            "Product.discontinued has no field_behavior: REQUIRED, OPTIONAL, OUTPUT_ONLY, IMMUTABLE or IDENTIFIER",
            id="no field_behavior",
        ),
        pytest.param(
            ORDERS,
            "  bool parked_only = 4 [(google.api.field_behavior) = OPTIONAL];",
            "  bool parked_only = 4 [(google.api.field_behavior) = REQUIRED];",
            "ListOrdersRequest.parked_only is REQUIRED, but its rules accept an empty value",
            id="required and accepted without a value",
        ),
        pytest.param(
            ORDERS,
            "  repeated PlaceOrderItem items = 3 [\n    (google.api.field_behavior) = REQUIRED,",
            "  repeated PlaceOrderItem items = 3 [\n    (google.api.field_behavior) = OPTIONAL,",
            "PlaceOrderRequest.items is not REQUIRED, but its rules reject an empty value",
            id="optional and rejected without a value",
        ),
        pytest.param(
            PAYMENTS,
            'message GetPaymentRequest {\n  // The payment\'s resource name, "payments/{id}".\n  string name = 1 [\n'
            "    (google.api.field_behavior) = REQUIRED,\n"
            '    (google.api.resource_reference).type = "payments.shop.example/Payment",\n',
            'message GetPaymentRequest {\n  // The payment\'s resource name, "payments/{id}".\n  string name = 1 [\n'
            "    (google.api.field_behavior) = REQUIRED,\n",
            "GetPaymentRequest.name needs a resource_reference to the type of its payments",
            id="name in a request without a reference",
        ),
        pytest.param(
            ANALYTICS,
            '    (google.api.resource_reference).type = "orders.shop.example/Order"\n',
            '    (google.api.resource_reference).type = "catalog.shop.example/Product"\n',
            "Sale.order needs a resource_reference to the type of its orders",
            id="reference to another type",
        ),
        pytest.param(
            ANALYTICS,
            '    (google.api.resource_reference).type = "orders.shop.example/Order"\n',
            '    (google.api.resource_reference).type = "orders.shop.example/Purchase"\n',
            "Sale.order refers to orders.shop.example/Purchase, which no contract declares",
            id="reference to an unknown type",
        ),
        pytest.param(
            ANALYTICS,
            '    plural: "sales"\n',
            "",
            "the resource analytics.shop.example/Sale needs a type, a pattern, a singular and a plural, and the "
            "pattern starts with the plural",
            id="resource without a plural",
        ),
        pytest.param(
            ANALYTICS,
            "  string name = 1 [(google.api.field_behavior) = IDENTIFIER];",
            "  string name = 1 [(google.api.field_behavior) = OUTPUT_ONLY];",
            "shop.analytics.v1.Sale is a resource without a field `name` that is its IDENTIFIER",
            id="resource without an identifier",
        ),
    ],
)
def test_a_violation_is_found_and_named(checkout: Checkout, file: str, old: str, new: str, message: str) -> None:
    checkout.edit(file, old, new)
    [violation] = rules.violations(build(checkout))
    assert violation.endswith(message)


def test_only_public_methods_have_an_http_path(checkout: Checkout) -> None:
    assert rules.public(build(checkout)) == {
        "shop.catalog.v1.CatalogService/BatchGetProducts",
        "shop.catalog.v1.CatalogService/CreateProduct",
        "shop.catalog.v1.CatalogService/GetProduct",
        "shop.catalog.v1.CatalogService/ListProducts",
        "shop.catalog.v1.CatalogService/UpdateProduct",
        "shop.identity.v1.IdentityService/ChangePassword",
        "shop.identity.v1.IdentityService/CreateUser",
        "shop.identity.v1.IdentityService/GetJwks",
        "shop.identity.v1.IdentityService/IssueToken",
        "shop.inventory.v1.InventoryService/GetStock",
        "shop.orders.v1.OrdersService/CancelOrder",
        "shop.orders.v1.OrdersService/GetOrder",
        "shop.orders.v1.OrdersService/ListOrders",
        "shop.orders.v1.OrdersService/PlaceOrder",
        "shop.orders.v1.OrdersService/WatchOrder",
        "shop.orders.v2.OrdersService/CancelOrder",
        "shop.orders.v2.OrdersService/GetOrder",
        "shop.orders.v2.OrdersService/ListOrders",
        "shop.orders.v2.OrdersService/PlaceOrder",
        "shop.orders.v2.OrdersService/WatchOrder",
        "shop.shipping.v1.ShippingService/QuoteShipping",
    }


def test_buf_lint_is_clean(project: Checkout) -> None:
    run = project.buf("lint")
    assert (run.returncode, run.stdout) == (0, "")


def test_buf_format_is_clean(project: Checkout) -> None:
    run = project.buf("format", "--diff", "--exit-code", "proto")
    assert (run.returncode, run.stdout) == (0, "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  // The products of this page, in the requested order.\n",
            "",
            'Field "products" should have a non-empty comment',
        ),
        ("  string page_token = 2 ", "  string pageToken = 2 ", 'Field name "pageToken" should be lower_snake_case'),
        ("rpc GetProduct(GetProductRequest)", "rpc GetProduct(Product)", 'RPC request type "Product" should be named'),
    ],
)
def test_buf_lint_finds_a_violation(checkout: Checkout, old: str, new: str, message: str) -> None:
    checkout.edit(CATALOG, old, new)
    run = checkout.buf("lint")
    assert run.returncode != 0
    assert message in run.stdout
