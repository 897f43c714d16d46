"""What the law about Makefiles finds."""

import pytest

from tests.tidy.conftest import MakeTree
from tests.tidy.makefiles import unquoted_variables


def violations(make_tree: MakeTree, recipe: str, file: str = "Makefile") -> list[str]:
    text = f"override BIN := .venv/bin\noverride PIP := $(BIN)/pip\nTOOL := mesh\n\ncall: ## Call\n\t{recipe}\n"
    return list(unquoted_variables(make_tree({file: text})))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ('@mesh call "$(METHOD)"', '$(METHOD) in a recipe: "$$METHOD" reads it'),
        ("@mesh call '$(or $(JSON),{})'", "$(or $(JSON) in a recipe"),
        ("@mesh call ${METHOD}", "$(METHOD) in a recipe"),
        ("@$(TOOL) up", "$(TOOL) in a recipe"),
        ("@mesh call $$METHOD", "$$METHOD without double quotes"),
        ("@mesh call $${METHOD:-x}", "$$METHOD without double quotes"),
        ("@mesh \\\n\t  call $(METHOD)", "$(METHOD) in a recipe"),
    ],
)
def test_a_variable_that_the_shell_can_run_is_found(make_tree: MakeTree, recipe: str, message: str) -> None:
    found = violations(make_tree, recipe)
    assert len(found) == 1
    assert found[0].startswith("Makefile:6 ")
    assert message in found[0]


@pytest.mark.parametrize("file", ["GNUmakefile", "bench/makefile", "rules.mk"])
def test_every_makefile_is_read(make_tree: MakeTree, file: str) -> None:
    assert violations(make_tree, "@mesh $(METHOD)", file)


@pytest.mark.parametrize(
    "recipe",
    [
        '@$(BIN)/mesh call -- "$$METHOD" "$${JSON:-x}"',
        "@$(PIP) install",
        "@touch $@",
        "@awk '{print $$1}' Makefile",
        "@N=\"$${N:-1}\" mesh '$$1'",
    ],
)
def test_constants_and_quoted_variables_are_allowed(make_tree: MakeTree, recipe: str) -> None:
    assert violations(make_tree, recipe) == []
