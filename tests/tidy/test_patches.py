"""What the law about replaced parts of production modules finds."""

import pytest

from tests.tidy.conftest import MakeTree
from tests.tidy.patches import patches

IMPORTS = "import os\nimport mesh.local.errors\nfrom services.orders import recovery as module, saga\n"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ('monkeypatch.setattr(module, "PAGE_SIZE", 2)', "services.orders.recovery"),
        ('monkeypatch.setattr(saga.Saga, "place", fake)', "services.orders.saga.Saga"),
        ('monkeypatch.setattr("services.orders.recovery.PAGE_SIZE", 2)', "services.orders.recovery.PAGE_SIZE"),
        ('monkeypatch.delattr(module, "PAGE_SIZE")', "services.orders.recovery"),
        ('setattr(module, "PAGE_SIZE", 2)', "services.orders.recovery"),
        ('with mock.patch("tools.breaking.bases.git"): pass', "tools.breaking.bases.git"),
        ('with mock.patch.object(saga, "Saga"): pass', "services.orders.saga"),
        ("module.PAGE_SIZE = 2", "services.orders.recovery.PAGE_SIZE"),
        ("module.PAGE_SIZE += 2", "services.orders.recovery.PAGE_SIZE"),
        ("module.PAGE_SIZE: int = 2", "services.orders.recovery.PAGE_SIZE"),
        ("limit, module.PAGE_SIZE = 1, 2", "services.orders.recovery.PAGE_SIZE"),
        ("del saga.Saga.place", "services.orders.saga.Saga.place"),
        ("mesh.local.errors.MeshError = Exception", "mesh.local.errors.MeshError"),
        ('module.TABLE["a"] = 2', "services.orders.recovery.TABLE"),
    ],
)
def test_a_replaced_part_of_a_production_module_is_found(make_tree: MakeTree, code: str, name: str) -> None:
    violation = "is replaced: pass the replacement as an argument"
    assert list(patches(make_tree({"tests/unit/x.py": f"{IMPORTS}{code}\n"}))) == [
        f"tests/unit/x.py:4 {name} {violation}"
    ]


@pytest.mark.parametrize(
    "code",
    [
        'monkeypatch.setattr(os, "geteuid", lambda: 7)',
        'monkeypatch.setenv("services", "x")',
        "recovery = module.Recovery(database, saga, page_size=2)",
        "def test_it(orders):\n  orders.limit = 2",
        "world.saga = saga.Saga(world)",
    ],
)
def test_arguments_and_patches_of_other_modules_are_no_violation(make_tree: MakeTree, code: str) -> None:
    assert list(patches(make_tree({"tests/unit/x.py": f"{IMPORTS}{code}\n"}))) == []
