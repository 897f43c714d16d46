"""`make breaking` lets compatible changes pass and names those that break a caller."""

import os
import shutil

import pytest

from tests.contracts.conftest import Checkout
from tests.documents import blocks, run_block

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


def test_a_tag_can_be_compared_with(checkout: Checkout) -> None:
    checkout.git("tag", "v1.0")
    checkout.edit(CATALOG, DISCONTINUED, "")
    checkout.git("commit", "--quiet", "--all", "--message=Drop a field")
    assert checkout.make("breaking").returncode == 0
    run = checkout.make("breaking", "AGAINST=v1.0")
    assert run.returncode != 0
    assert f"comparing proto/ with v1.0 ({checkout.git('rev-parse', '--short', 'v1.0')})" in run.stdout
    assert "1 breaking change: 1 wire; consumers: operator, orders, outside" in run.stdout


def test_exit_codes_tell_what_breaks_from_what_cannot_be_compared(checkout: Checkout) -> None:
    compare = (".venv/bin/python", "-m", "tools.breaking")
    assert checkout.run(*compare).returncode == 0
    assert checkout.run(*compare, "no-such-branch").returncode == 2
    checkout.edit(CATALOG, DISCONTINUED, "")
    assert checkout.run(*compare).returncode == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        pytest.param(
            CATALOG, DISCONTINUED, "  boolean discontinued = 6;\n", "cannot find `boolean` in this scope", id="contract"
        ),
        pytest.param(
            CATALOG,
            "\"this.matches('^[a-z0-9-]{1,64}$')\"",
            "\"this.fits('^[a-z0-9-]{1,64}$')\"",
            "the rules of shop.catalog.v1.CreateProductRequest do not compile",
            id="rule",
        ),
        pytest.param(
            "services/orders/service.yaml",
            "service: orders",
            "servce: orders",
            "unknown key `servce`",
            id="declaration",
        ),
        pytest.param(
            "services/orders/peers.py", "class Catalog:", "class Catalog", "services/orders/peers.py:", id="code"
        ),
    ],
)
def test_what_is_wrong_in_the_checkout_is_told(checkout: Checkout, file: str, old: str, new: str, said: str) -> None:
    checkout.edit(CATALOG, "rpc BatchGetProducts(", "rpc GetProducts(")
    checkout.edit(file, old, new)
    run = checkout.run(".venv/bin/python", "-m", "tools.breaking")
    assert run.returncode == 2
    assert said in run.stdout
    assert "Traceback" not in run.stdout


def test_without_git_history_it_says_so(checkout: Checkout) -> None:
    shutil.rmtree(checkout.root / ".git")
    run = checkout.make("breaking")
    assert run.returncode != 0
    assert "nothing to compare with: neither a git revision nor a folder: main, origin/main, HEAD" in run.stdout


@pytest.mark.parametrize("block", blocks("tools/breaking/README.md"))
async def test_the_readme_does_what_it_says(block: str, checkout: Checkout) -> None:
    # What make installs from is old: the virtual environment is newer, and stays as it is.
    for file in ("pyproject.toml", "requirements.lock"):
        (checkout.root / file).touch()
        os.utime(checkout.root / file, (0, 0))
    await run_block(block, checkout.root, os.environ, {})
