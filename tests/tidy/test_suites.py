"""What the law about imports between suites finds."""

import pytest

from tests.tidy.conftest import MakeTree
from tests.tidy.suites import suites

OTHER = {"tests/services/shop.py": "", "tests/mesh/harness.py": "", "tests/support/kafka.py": ""}


@pytest.mark.parametrize(
    ("file", "code", "name"),
    [
        ("tests/mesh/x.py", "from tests.services.shop import cart", "services.shop.cart"),
        ("tests/mesh/scenarios/x.py", "from tests.services import shop", "services.shop"),
        ("tests/mesh/x.py", "def late():\n  import tests.services.shop", "services.shop"),
        ("tests/mesh/x.py", "command = ['python', '-m', 'tests.services.shop']", "services.shop"),
        ("tests/support/x.py", "from tests.mesh.harness import Mesh", "mesh.harness.Mesh"),
        ("tests/conftest.py", "from tests.mesh.harness import Mesh", "mesh.harness.Mesh"),
        ("bench/x.py", "from tests.services.shop import cart", "services.shop.cart"),
    ],
)
def test_an_import_from_another_suite_is_found(make_tree: MakeTree, file: str, code: str, name: str) -> None:
    [violation] = suites(make_tree({**OTHER, file: f"{code}\n"}))
    assert violation.startswith(f"{file}:")
    assert violation.endswith(f" tests.{name}: it is part of another suite; move it to tests/support")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("tests/mesh/scenarios/x.py", "from tests.mesh.harness import Mesh"),
        ("tests/mesh/x.py", "from tests.support.kafka import Broker"),
        ("tests/support/x.py", "from tests.support import kafka"),
        ("bench/x.py", "from tests.support.kafka import Broker"),
        ("tests/mesh/x.py", "from mesh.local import loopback\nfrom services.runtime import serve"),
        ("tests/tidy/x.py", 'code = "from tests.services.shop import cart"'),
    ],
)
def test_an_import_from_the_same_suite_or_from_support_is_no_violation(
    make_tree: MakeTree, file: str, code: str
) -> None:
    assert list(suites(make_tree({**OTHER, file: f"{code}\n"}))) == []
