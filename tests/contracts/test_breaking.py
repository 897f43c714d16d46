"""`make breaking` passes for compatible changes and fails for breaking ones."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contracts.conftest import PACKAGING, RELEASED, Checkout
from tests.support.checkout import ROOT
from tests.support.documents import blocks, run_block
from tools.breaking.__main__ import main
from tools.breaking.consumers import Consumer
from tools.breaking.findings import Finding, Level
from tools.breaking.report import Break, Report, merge

CATALOG = "proto/shop/catalog/v1/catalog.proto"
DISCONTINUED = "  bool discontinued = 6 [(google.api.field_behavior) = OPTIONAL];\n"
REMOVED = "shop.catalog.v1.Product.discontinued"
"""The full name of the field that is removed."""
ADDED = "  // How long the product is, in millimetres.\n  int32 length_mm = 14;\n"

Compare = Callable[..., tuple[int, str]]
"""Runs tools.breaking on a checkout and returns the exit code and the output."""


@pytest.fixture
def compare(capfd: pytest.CaptureFixture[str]) -> Compare:
    """Return a function that runs the comparison in this process, which is faster than make."""

    def run(checkout: Checkout, *arguments: str) -> tuple[int, str]:
        code = main(arguments, checkout.root)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out + captured.err

    return run


def clone(checkout: Checkout, folder: Path, *options: str) -> Checkout:
    """Clone a checkout."""
    checkout.git("clone", "--quiet", *options, f"file://{checkout.root}", str(folder))
    return Checkout(folder)


def against(output: str, subject: str) -> list[str]:
    """Return the older states in which the only break of a subject was found."""
    [finding] = re.findall(rf": {re.escape(subject)}\n(.*?)\n  instead ", output, re.DOTALL)
    labelled = finding.partition("  against   ")[2].partition("  affects   ")[0]
    return [line.strip() for line in labelled.splitlines()]


def commit(checkout: Checkout, file: str, old: str, new: str) -> None:
    """Commit an edit."""
    checkout.edit(file, old, new)
    checkout.git("commit", "--quiet", "--all", "--message=An edit")


def test_unchanged_contracts_pass(checkout: Checkout) -> None:
    run = checkout.make("breaking")
    assert run.returncode == 0, run.stdout
    released = checkout.git("rev-parse", "--short", RELEASED)
    assert run.stdout == f"comparing proto/ with the last release, {RELEASED} ({released})\nno breaking changes\n"


def test_adding_a_field_passes(checkout: Checkout, compare: Compare) -> None:
    checkout.edit(CATALOG, DISCONTINUED, DISCONTINUED + ADDED)
    assert compare(checkout)[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
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
def test_a_breaking_change_fails_and_is_named(
    checkout: Checkout, compare: Compare, old: str, new: str, message: str
) -> None:
    checkout.edit(CATALOG, old, new)
    code, output = compare(checkout)
    assert code == 1
    assert message in output
    assert CATALOG in output


def test_a_break_committed_on_main_fails_and_is_named(checkout: Checkout) -> None:
    commit(checkout, CATALOG, DISCONTINUED, "")
    run = checkout.make("breaking")
    assert run.returncode != 0
    assert f"comparing proto/ with the last release, {RELEASED} (" in run.stdout
    assert f": {REMOVED}\n" in run.stdout


def test_a_tag_of_head_does_not_hide_a_break(checkout: Checkout, compare: Compare) -> None:
    commit(checkout, CATALOG, DISCONTINUED, "")
    checkout.git("tag", "v0.2.0")
    code, output = compare(checkout)
    assert code == 1
    assert f"the last release, {RELEASED} (" in output
    assert REMOVED in output


def test_a_clone_without_the_last_release_is_an_error_in_one_line(
    checkout: Checkout, compare: Compare, tmp_path: Path
) -> None:
    shallow = clone(checkout, tmp_path / "shallow", "--depth=1")
    # The merge base exists, but that is not enough.
    shallow.edit(CATALOG, DISCONTINUED, "")
    code, output = compare(shallow)
    assert code == 2
    assert output.startswith("breaking: the last release (")
    assert output.endswith(
        ") is not in this clone, which contains only the newest commits: run `git fetch --tags --unshallow`\n"
    )
    assert output.count("\n") == 1
    shallow.git("fetch", "--quiet", "--tags", "--unshallow")
    code, output = compare(shallow)
    assert code == 1
    assert f"the last release, {RELEASED} (" in output


def test_a_clone_is_also_compared_with_the_merge_base(checkout: Checkout, compare: Compare, tmp_path: Path) -> None:
    commit(checkout, CATALOG, DISCONTINUED, DISCONTINUED + ADDED)
    fork = checkout.git("rev-parse", "--short", "HEAD")
    copy = clone(checkout, tmp_path / "clone")
    copy.git("checkout", "--quiet", "-b", "feature")
    commit(copy, CATALOG, DISCONTINUED + ADDED, "")
    released, merge_base = (
        f"the last release, {RELEASED} ({copy.git('rev-parse', '--short', RELEASED)})",
        f"the merge base with origin/main ({fork})",
    )
    code, output = compare(copy)
    assert code == 1
    assert output.startswith(f"comparing proto/ with {released}\ncomparing proto/ with {merge_base}\n")
    assert against(output, REMOVED) == [released, merge_base], "reported once, with both bases"
    assert against(output, "shop.catalog.v1.Product.length_mm") == [merge_base], "the release does not have the field"


def test_an_unpushed_change_is_compared_with_the_merge_base(
    checkout: Checkout, compare: Compare, tmp_path: Path
) -> None:
    copy = clone(checkout, tmp_path / "clone")
    assert "merge base" not in compare(copy)[1], "it is HEAD itself, without changes"
    copy.edit(CATALOG, DISCONTINUED, "")
    code, output = compare(copy)
    assert code == 1
    assert "comparing proto/ with the merge base with origin/main" in output


def test_the_base_can_be_a_folder(checkout: Checkout, project: Checkout) -> None:
    checkout.edit(CATALOG, DISCONTINUED, "")
    run = checkout.make("breaking", f"AGAINST={project.root}")
    assert run.returncode != 0
    assert '"discontinued" on message "Product" was deleted' in run.stdout


def test_the_base_can_be_a_copy_of_nothing_but_proto(checkout: Checkout, compare: Compare, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "proto", tmp_path / "older/proto", symlinks=True)
    code, output = compare(checkout, str(tmp_path / "older"))
    assert (code, "no breaking changes" in output) == (0, True), output
    checkout.edit(CATALOG, DISCONTINUED, "")
    code, output = compare(checkout, str(tmp_path / "older"))
    assert code == 1
    assert '"discontinued" on message "Product" was deleted' in output


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("no-such-branch", "no-such-branch is neither a git revision nor a folder"),
        ("{root}/gen", "gen contains no proto/"),
    ],
)
def test_an_invalid_base_is_named(checkout: Checkout, compare: Compare, against: str, message: str) -> None:
    code, output = compare(checkout, against.format(root=checkout.root))
    assert code == 2
    assert message in output


def test_the_base_can_be_a_revision(checkout: Checkout, compare: Compare) -> None:
    commit(checkout, CATALOG, DISCONTINUED, "")
    assert compare(checkout, "main") == (
        0,
        f"comparing proto/ with main ({checkout.git('rev-parse', '--short', 'HEAD')})\nno breaking changes\n",
    )
    code, output = compare(checkout, RELEASED)
    assert code == 1
    assert f"comparing proto/ with {RELEASED} ({checkout.git('rev-parse', '--short', RELEASED)})" in output
    assert "1 breaking change: 1 wire; consumers: operator, orders, outside" in output


def test_the_exit_code_distinguishes_breaks_from_errors(checkout: Checkout) -> None:
    command = (".venv/bin/python", "-m", "tools.breaking")
    assert checkout.run(*command, "no-such-branch").returncode == 2
    checkout.edit(CATALOG, DISCONTINUED, "")
    assert checkout.run(*command).returncode == 1


@pytest.mark.parametrize(
    "edit",
    [
        ("  except: [RPC_SAME_IDEMPOTENCY_LEVEL]", "  except: [FILE, PACKAGE, WIRE_JSON, WIRE]"),
        ("  use: [FILE, PACKAGE, WIRE_JSON, WIRE]", "  use: [PACKAGE_NO_DELETE]\n  ignore_unstable_packages: true"),
        ("  except: [RPC_SAME_IDEMPOTENCY_LEVEL]", "  ignore: [proto]"),
        ("  - path: proto\n", "  - path: proto\n    excludes: [proto/shop/catalog]\n"),
    ],
    ids=["except", "use", "ignore", "excludes"],
)
def test_no_edit_of_buf_yaml_disables_the_check(checkout: Checkout, compare: Compare, edit: tuple[str, str]) -> None:
    checkout.edit("buf.yaml", *edit)
    commit(checkout, CATALOG, DISCONTINUED, "  // buf:lint:ignore FIELD_NO_DELETE\n")
    code, output = compare(checkout)
    assert code == 1
    assert f": {REMOVED}\n" in output


WHY = "No service reads it."


def waive(checkout: Checkout, **values: str) -> None:
    """Write a waiver for the removed field; `values` override its keys."""
    waiver = {"element": REMOVED, "rule": "FIELD_NO_DELETE", "why": WHY, "until": "0.2.0"} | values
    text = "".join(f"  {key}: {value}\n" for key, value in waiver.items())
    (checkout.root / "proto/waivers.yaml").write_text(f"-{text[1:]}", encoding="utf-8")


def test_a_waived_break_is_listed_and_passes(checkout: Checkout, compare: Compare) -> None:
    commit(checkout, CATALOG, DISCONTINUED, "")
    waive(checkout)
    code, output = compare(checkout)
    assert code == 0
    assert output.endswith(f"\nwaived: {REMOVED}: {WHY} (until 0.2.0)\nno breaking changes except the waived ones\n")


def test_another_break_of_the_same_element_is_not_waived(checkout: Checkout, compare: Compare) -> None:
    commit(checkout, CATALOG, DISCONTINUED, "  int32 discontinued = 6;\n")
    waive(checkout)
    code, output = compare(checkout)
    assert code == 1
    assert "  rule      FIELD_SAME_TYPE\n" in output
    assert "waived:" not in output


def test_a_waiver_without_a_break_is_stale_and_fails(checkout: Checkout, compare: Compare) -> None:
    waive(checkout)
    code, output = compare(checkout)
    assert code == 1
    assert output.endswith(f"stale: {REMOVED} (FIELD_NO_DELETE) in proto/waivers.yaml matches no break: remove it\n")
    assert compare(checkout, RELEASED)[0] == 0, "stale waivers do not count with AGAINST="


def test_an_expired_waiver_covers_nothing_and_fails(checkout: Checkout, compare: Compare) -> None:
    commit(checkout, CATALOG, DISCONTINUED, "")
    waive(checkout, until="0.1.0")
    code, output = compare(checkout)
    assert code == 1
    assert f"expired: {REMOVED} (FIELD_NO_DELETE) in proto/waivers.yaml is valid until 0.1.0" in output
    assert f": {REMOVED}\n" in output


def test_a_malformed_waiver_is_an_error_in_one_line(checkout: Checkout, compare: Compare) -> None:
    waive(checkout, until="soon")
    assert compare(checkout) == (
        2,
        "breaking: proto/waivers.yaml: waiver 1: until: expected a release such as 0.2.0, not soon\n",
    )


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param(
            (CATALOG, DISCONTINUED, "  boolean discontinued = 6;\n"),
            "cannot find `boolean` in this scope",
            id="contract",
        ),
        pytest.param(
            (CATALOG, '"has(this.price)"', '"holds(this.price)"'),
            "the rules of shop.catalog.v1.CreateProductRequest do not compile",
            id="rule",
        ),
        pytest.param(
            ("services/orders/service.yaml", "service: orders", "servce: orders"),
            "unknown key 'servce'",
            id="declaration",
        ),
        pytest.param(
            ("services/orders/peers.py", "class Catalog:", "class Catalog"), "services/orders/peers.py:", id="code"
        ),
    ],
)
def test_an_error_in_the_checkout_is_reported(
    checkout: Checkout, compare: Compare, edit: tuple[str, str, str], message: str
) -> None:
    checkout.edit(CATALOG, "rpc BatchGetProducts(", "rpc GetProducts(")
    checkout.edit(*edit)
    code, output = compare(checkout)
    assert code == 2
    assert message in output


def test_a_missing_git_history_is_an_error(checkout: Checkout, compare: Compare) -> None:
    shutil.rmtree(checkout.root / ".git")
    code, output = compare(checkout)
    assert code == 2
    assert "there is no git history to compare with: set AGAINST= to a folder that contains a proto/" in output


@pytest.mark.prove
@pytest.mark.parametrize("block", blocks("tools/breaking/README.md"))
async def test_the_commands_in_the_readme_work(block: str, checkout: Checkout) -> None:
    # The inputs of the virtual environment get old timestamps, so that make does not rebuild it.
    for file in (*PACKAGING, "proto/pyproject.toml"):
        os.utime(checkout.root / file, (0, 0))
    # Otherwise `git checkout proto` would write proto/pyproject.toml again.
    checkout.git("update-index", "--refresh")
    await run_block(block, checkout.root, os.environ, {})


def test_a_consumer_in_any_of_the_older_states_is_named() -> None:
    finding = Finding(Level.WIRE, "FIELD_RENUMBERED", "shop.x", "It changed.", "proto/x.proto:1", frozenset())
    orders, outside = Consumer("orders", "calls it"), Consumer("outside", "calls it through the gateway")
    reports = [("release", [orders]), ("merge base", [orders, outside])]
    merged = merge([(base, Report([Break(finding, consumers)], [])) for base, consumers in reports])
    [item] = merged.breaks
    assert (item.bases, item.consumers) == (("release", "merge base"), (orders, outside))
