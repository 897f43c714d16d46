"""What the laws about documents find."""

import pytest

from tests.tidy import documents as laws
from tests.tidy.conftest import MakeTree
from tests.tidy.test_laws import Law

FILES = {
    "Makefile": "help: ## List\nup: ## Start\nclean: down ## Remove\n",
    "services/catalog/store.py": "",
    "services/catalog/migrations/0001_first.py": "",
    "mesh/istio/base/mtls.yaml": "",
    "services/catalog/tour.md": "# A tour\n\n## 3. Buy, and pay\n",
}
README = "services/catalog/README.md"
LAWS = (laws.make_targets, laws.mesh_commands, laws.links, laws.headings, laws.paths, laws.contract_names)


@pytest.mark.parametrize(
    ("law", "text", "message"),
    [
        (laws.make_targets, "Run `make start`.", "names `make start`, which is not in the Makefile"),
        (laws.make_targets, "```sh\nmake clean start  # both\n```", "names `make start`"),
        (laws.make_targets, "Begin:\n\n    git clone x && make start\n", "names `make start`"),
        (laws.mesh_commands, "`.venv/bin/mesh begin`", "names `mesh begin`, which the CLI does not have"),
        (laws.mesh_commands, '```sh\neval "$(mesh begin)"\n```', "names `mesh begin`"),
        (laws.mesh_commands, "`mesh up --speed=9`", "names `mesh up --speed`, which the CLI does not have"),
        (laws.links, "[the rules](domain.py)", "links to domain.py, which does not exist"),
        (laws.links, "[all](../../README.md#try-it)", "links to ../../README.md, which does not exist"),
        (laws.headings, "[below](#try-it)", "links to #try-it, and the document has no such heading"),
        (
            laws.headings,
            "[all](tour.md#3-pay)",
            "links to tour.md#3-pay, and the document has no",
        ),
        (laws.line_width, f"```sh\n{'x' * 101}\n```", "has a line of 101 characters, at most 100: xxx"),
        (laws.line_width, f"Run:\n\n    {'x' * 97}\n", "has a line of 101 characters"),
        (laws.line_width, f"| {'x' * 199} |", "has a line of 203 characters, at most 200: | xxx"),
        (laws.paths, "`../inventory/store.py`", "names ../inventory/store.py, which does not exist"),
        (laws.paths, "`domain.py` the rules", "names domain.py, which does not exist"),
        (laws.paths, "`scenarios/` shows it", "names scenarios/, which does not exist"),
        (laws.paths, "see `mesh/istio/base/<service>.py`", "names mesh/istio/base/<service>.py, which does"),
        (laws.paths, "```sh\nkubectl apply -f mesh/istio/tls.yaml\n```", "names mesh/istio/tls.yaml, which does"),
        (laws.paths, "```console\n$ python -m services.shop\n```", "names the module services.shop, which does"),
        (laws.contract_names, "`shop.catalog.v1.CatalogService/Drop`", "names shop.catalog.v1.CatalogService/Drop,"),
        (laws.contract_names, "`shop.catalog.v1.Thing`", "names shop.catalog.v1.Thing, which is in no contract"),
    ],
)
def test_a_name_of_nothing_is_found(make_tree: MakeTree, law: Law, text: str, message: str) -> None:
    [violation] = law(make_tree({**FILES, README: f"# catalog\n\n{text}\n"}))
    assert violation.startswith(f"{README} {message}")


@pytest.mark.parametrize(
    "text",
    [
        "`make clean up` or `make up AGAINST=HEAD`; make sure that it works, and mesh well.",
        '```sh\nmake up 2>&1 | tee log  # make it so\neval "$(.venv/bin/mesh env -i other)"\n```',
        "`mesh logs orders --since=1h`, and `mesh\nup` again",
        "[up](../), [here](store.py), [web](https://shop.example/x#y), [below](#catalog)",
        "[buy](tour.md#3-buy-and-pay)",
        f"{'words ' * 33}\n```sh\n{'x' * 100}\n```",
        "`store.py`, `migrations/`, `services/<name>/store.py`, `mesh/istio`, `../catalog/store.py`, `*.py`",
        "`products/p-0001`, `localhost:50051`, `/ready`, `data/catalog.db`, `127.0.0.1/8`, `services.<name>`",
        "`shop.catalog.v1.CatalogService/GetProduct`, `shop.catalog.v1.Product`, `shop.<context>.v1`",
    ],
)
def test_names_of_what_exists_are_allowed(make_tree: MakeTree, text: str) -> None:
    tree = make_tree({**FILES, README: f"# catalog\n\n{text}\n"})
    for law in (*LAWS, laws.line_width):
        assert list(law(tree)) == []


def test_commands_in_the_texts_of_code_are_checked(make_tree: MakeTree) -> None:
    code = 'fix = "`mesh begin` again"\nnext = ".venv/bin/mesh status --all"\n'
    tree = make_tree({**FILES, "mesh/local/up.py": code})
    assert list(laws.mesh_commands(tree)) == [
        "mesh/local/up.py names `mesh begin`, which the CLI does not have",
        "mesh/local/up.py names `mesh status --all`, which the CLI does not have",
    ]


def test_a_missing_readme_is_found(make_tree: MakeTree) -> None:
    files = {"README.md": "`services/`, `mesh/`", "mesh/istio/scenarios/canary/split.yaml": "", "bench/b.py": ""}
    assert list(laws.readmes(make_tree({**FILES, **files}))) == [
        "mesh/istio/README.md does not exist",
        "mesh/istio/scenarios/canary/README.md does not exist",
        "mesh/kubernetes/README.md does not exist",
        "mesh/local/README.md does not exist",
        "services/catalog/README.md does not exist",
        "README.md does not say what is in bench/",
    ]


def test_commands_that_no_test_runs_are_found(make_tree: MakeTree) -> None:
    block = "```sh\nmake up\n```\n"
    files = {"a/README.md": block, "b/README.md": block, "c/README.md": "no command"}
    tree = make_tree({**files, "tests/test_docs.py": 'READMES = ("b/README.md",)'})
    [violation] = laws.commands_run(tree)
    assert violation.startswith("a/README.md has commands that no test runs: ")
