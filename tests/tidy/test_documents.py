"""What the documents name exists, and what needs a document has one."""

from collections.abc import Callable, Iterable

import pytest

from tests.tidy import documents as laws
from tests.tidy.conftest import Plant
from tests.tidy.tree import Tree

Law = Callable[[Tree], Iterable[str]]
FILES = {
    "Makefile": "help: ## List\nup: ## Start\nclean: down ## Remove\n",
    "services/catalog/store.py": "",
    "services/catalog/migrations/0001_first.py": "",
    "mesh/istio/base/mtls.yaml": "",
}
README = "services/catalog/README.md"


@pytest.mark.parametrize(
    "law",
    [laws.targets, laws.commands, laws.links, laws.paths, laws.symbols, laws.missing, laws.untested],
    ids=lambda law: law.__name__,
)
def test_documents_and_reality_agree(checkout: Tree, law: Law) -> None:
    assert list(law(checkout)) == []


@pytest.mark.parametrize(
    ("law", "text", "told"),
    [
        (laws.targets, "Run `make start`.", f"{README} names `make start`, which the Makefile does not have"),
        (laws.targets, "```sh\nmake clean start  # both\n```", f"{README} names `make start`"),
        (laws.targets, "Begin:\n\n    git clone x && make start\n", f"{README} names `make start`"),
        (laws.commands, "`.venv/bin/mesh begin`", f"{README} names `mesh begin`, which the CLI does not have"),
        (laws.commands, '```sh\neval "$(mesh begin)"\n```', f"{README} names `mesh begin`"),
        (laws.commands, "`mesh up --speed=9`", f"{README} names `mesh up --speed`: no such option"),
        (laws.links, "[the rules](domain.py)", f"{README} links to domain.py, which is not there"),
        (laws.links, "[all](../../README.md#try-it)", f"{README} links to ../../README.md, which is not there"),
        (laws.paths, "`../inventory/store.py`", f"{README} names ../inventory/store.py, which is not there"),
        (laws.paths, "`domain.py` the rules", f"{README} names domain.py, which is not there"),
        (laws.paths, "`scenarios/` shows it", f"{README} names scenarios/, which is not there"),
        (laws.paths, "see `mesh/istio/base/<service>.py`", f"{README} names mesh/istio/base/<service>.py, which"),
        (laws.paths, "```sh\nkubectl apply -f mesh/istio/tls.yaml\n```", f"{README} names mesh/istio/tls.yaml"),
        (laws.paths, "```console\n$ python -m services.shop\n```", f"{README} names the module services.shop, which"),
        (laws.symbols, "`shop.catalog.v1.CatalogService/Drop`", f"{README} names shop.catalog.v1.CatalogService/Drop"),
        (laws.symbols, "`shop.catalog.v1.Thing`", f"{README} names shop.catalog.v1.Thing, which no contract has"),
    ],
)
def test_what_a_document_names_wrongly_is_found(plant: Plant, law: Law, text: str, told: str) -> None:
    [offence] = law(plant({**FILES, README: f"# catalog\n\n{text}\n"}))
    assert offence.startswith(told)


@pytest.mark.parametrize(
    "text",
    [
        "`make clean up` or `make up AGAINST=HEAD`; make sure that it works, and mesh well.",
        '```sh\nmake up 2>&1 | tee log  # make it so\neval "$(.venv/bin/mesh env -i other)"\n```',
        "`mesh logs orders --since=1h`, and `mesh\nup` again",
        "[up](../), [here](store.py), [web](https://shop.example/x), [below](#try-it)",
        "`store.py`, `migrations/`, `services/<name>/store.py`, `mesh/istio`, `../catalog/store.py`, `*.py`",
        "`products/p-0001`, `localhost:50051`, `/ready`, `data/catalog.db`, `127.0.0.1/8`, `services.<name>`",
        "`shop.catalog.v1.CatalogService/GetProduct`, `shop.catalog.v1.Product`, `shop.<context>.v1`",
    ],
)
def test_what_exists_is_no_offence(plant: Plant, text: str) -> None:
    tree = plant({**FILES, README: f"# catalog\n\n{text}\n"})
    assert [
        told for law in (laws.targets, laws.commands, laws.links, laws.paths, laws.symbols) for told in law(tree)
    ] == []


def test_a_command_in_the_code_s_own_words_is_checked(plant: Plant) -> None:
    tree = plant({**FILES, "mesh/local/up.py": 'fix = "`mesh begin` again"\nnext = ".venv/bin/mesh status --all"\n'})
    assert list(laws.commands(tree)) == [
        "mesh/local/up.py names `mesh begin`, which the CLI does not have",
        "mesh/local/up.py names `mesh status --all`: no such option",
    ]


def test_a_missing_readme_is_found(plant: Plant) -> None:
    tree = plant(
        {**FILES, "README.md": "`services/`, `mesh/`", "mesh/istio/scenarios/canary/split.yaml": "", "bench/b.py": ""}
    )
    assert list(laws.missing(tree)) == [
        "mesh/istio/README.md is missing",
        "mesh/istio/scenarios/canary/README.md is missing",
        "mesh/kubernetes/README.md is missing",
        "mesh/local/README.md is missing",
        "services/catalog/README.md is missing",
        "README.md does not tell what lives in bench/",
    ]


def test_commands_that_no_test_runs_are_found(plant: Plant) -> None:
    block = "```sh\nmake up\n```\n"
    files = {"a/README.md": block, "b/README.md": block, "c/README.md": "no command"}
    tree = plant({**files, "tests/test_docs.py": 'READMES = ("b/README.md",)'})
    assert list(laws.untested(tree)) == ["a/README.md has commands that no test runs: name it in a test of documents"]
