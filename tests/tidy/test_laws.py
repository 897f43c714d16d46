"""The checkout obeys all laws. The other tests in this folder show what each of them finds."""

from collections.abc import Callable, Iterable

import pytest

from tests.tidy import documents
from tests.tidy.clock import timing
from tests.tidy.databases import addresses, tables, volumes_and_secrets
from tests.tidy.declared import declared
from tests.tidy.hygiene import long_files, machine_paths, registries
from tests.tidy.language import language
from tests.tidy.layers import layers
from tests.tidy.makefiles import unquoted_variables
from tests.tidy.patches import patches
from tests.tidy.resilience import resilience
from tests.tidy.scenarios import scenarios
from tests.tidy.servicers import servicers
from tests.tidy.suites import suites
from tests.tidy.tokens import tokens
from tests.tidy.tree import Tree
from tests.tidy.untested import untested_methods

Law = Callable[[Tree], Iterable[str]]
DOCUMENTS = [documents.make_targets, documents.mesh_commands, documents.links, documents.paths]
DOCUMENTS += [documents.contract_names, documents.commands_run, documents.readmes]
DOCUMENTS += [documents.headings, documents.line_width]
CODE = [
    resilience,
    servicers,
    layers,
    addresses,
    tables,
    declared,
    timing,
    scenarios,
    untested_methods,
    suites,
    patches,
]
FILES = [registries, unquoted_variables, machine_paths, long_files, volumes_and_secrets, tokens, language]


@pytest.mark.parametrize("law", [*DOCUMENTS, *CODE, *FILES], ids=lambda law: law.__name__)
def test_the_checkout_has_no_violations(checkout: Tree, law: Law) -> None:
    assert list(law(checkout)) == []
