"""Mistakes with `mesh web --part`: each gets an error that helps, and nothing is built."""

from pathlib import Path

import pytest

from mesh.local.commands import web
from mesh.local.errors import MeshError


@pytest.mark.parametrize(
    ("part", "problem", "fix"),
    [
        ("catalog", "--part catalog has no tag", "for example --part catalog:v2"),
        ("catalogue:v2", "the storefront has no part 'catalogue'", ""),
        ("shell:v2", "the storefront has no part 'shell'", ""),
        ("catalog:v1", "the tag of a part cannot be 'v1'", "for example --part catalog:v2"),
        ("catalog:../x", "the tag of a part cannot be '../x'", "for example --part catalog:v2"),
        ("catalog:v2", "has no part.json", "use a changed copy of services/catalog/web"),
        ("", "--from needs --part", "for example --part catalog:v2"),
    ],
)
def test_a_mistake_is_an_error_that_helps(part: str, problem: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(MeshError) as error:
        web.run("none", check=False, folder=False, part=part, sources=tmp_path)
    assert problem in error.value.what
    assert error.value.fix == fix
