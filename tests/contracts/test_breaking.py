"""`make breaking` lets compatible changes pass and names those that break a caller."""

import pytest

from tests.contracts.conftest import Checkout

CATALOG = "proto/shop/catalog/v1/catalog.proto"
DISCONTINUED = "  bool discontinued = 6;\n"
ADDED = "  // How long the product is, in millimetres.\n  int32 length_mm = 14;\n"


def test_unchanged_contracts_pass_on_main_itself(checkout: Checkout) -> None:
    run = checkout.make("breaking")
    assert run.returncode == 0, run.stdout
    assert f"comparing proto/ with main ({checkout.git('rev-parse', '--short', 'HEAD')})" in run.stdout


def test_adding_a_field_passes(checkout: Checkout) -> None:
    checkout.edit(CATALOG, DISCONTINUED, DISCONTINUED + ADDED)
    run = checkout.make("breaking")
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            DISCONTINUED, "", 'field "6" with name "discontinued" on message "Product" was deleted', id="removed"
        ),
        pytest.param(
            DISCONTINUED,
            "  bool discontinued = 15;\n",
            'field "6" with name "discontinued" on message "Product" was deleted',
            id="renumbered",
        ),
        pytest.param(DISCONTINUED, "  bool retired = 6;\n", '"discontinued" to "retired"', id="renamed"),
        pytest.param(DISCONTINUED, "  int32 discontinued = 6;\n", 'Field "6" with name "discontinued"', id="retyped"),
        pytest.param("rpc ListProducts(", "rpc SearchProducts(", 'RPC "ListProducts"', id="method renamed"),
    ],
)
def test_a_change_that_breaks_callers_fails_and_is_named(checkout: Checkout, old: str, new: str, said: str) -> None:
    checkout.edit(CATALOG, old, new)
    run = checkout.make("breaking")
    assert run.returncode != 0
    assert said in run.stdout
    assert CATALOG in run.stdout


def test_a_break_stays_named_after_it_is_committed_on_a_branch(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "-b", "feature")
    checkout.edit(CATALOG, DISCONTINUED, "")
    checkout.git("commit", "--quiet", "--all", "--message=Drop a field")
    assert checkout.make("breaking").returncode != 0
    assert checkout.make("breaking", "AGAINST=feature").returncode == 0


def test_a_clean_checkout_of_one_commit_without_main_compares_with_its_head(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "--detach")
    checkout.git("branch", "--delete", "--force", "main")
    run = checkout.make("breaking")
    assert run.returncode == 0, run.stdout
    assert "comparing proto/ with HEAD" in run.stdout


def test_a_folder_can_be_compared_with(checkout: Checkout, project: Checkout) -> None:
    checkout.edit(CATALOG, DISCONTINUED, "")
    run = checkout.make("breaking", f"AGAINST={project.root}")
    assert run.returncode != 0
    assert '"discontinued" on message "Product" was deleted' in run.stdout


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ("no-such-branch", "neither a git revision nor a folder: no-such-branch"),
        ("gen", "the folder gen holds no proto/"),
    ],
)
def test_what_cannot_be_compared_with_is_named(checkout: Checkout, against: str, said: str) -> None:
    run = checkout.make("breaking", f"AGAINST={against}")
    assert run.returncode != 0
    assert said in run.stdout
    assert "Traceback" not in run.stdout
