"""The README of every scenario is played by one test."""

import pytest

from tests.tidy.conftest import Plant
from tests.tidy.scenarios import unplayed
from tests.tidy.tree import Tree

README, TEST = "mesh/istio/scenarios/mirror-all/README.md", "tests/mesh/scenarios/test_mirror_all.py"
BLOCK = "```sh\nkubectl apply -k mirror-all\n```\n"
PLAY = "async def test_{}(scenario):\n    async with scenario.run_readme():\n        pass\n"


def test_every_readme_is_played_by_one_test(checkout: Tree) -> None:
    assert list(unplayed(checkout)) == []


def test_a_readme_that_one_test_plays_is_no_offence(plant: Plant) -> None:
    tree = plant({README: BLOCK, TEST: PLAY.format("it") + "def test_other(): pass\n"})
    assert list(unplayed(tree)) == []


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({README: BLOCK}, f"{TEST} plays {README} 0 times"),
        ({README: BLOCK, TEST: "def test_it(): pass\n"}, f"{TEST} plays {README} 0 times"),
        ({README: BLOCK, TEST: PLAY.format("it") + PLAY.format("again")}, f"{TEST} plays {README} 2 times"),
        (
            {README: BLOCK, TEST: f"import pytest\n@pytest.mark.parametrize('n', [1, 2])\n{PLAY.format('it')}"},
            f"{TEST} plays {README} 2 times",
        ),
        ({README: BLOCK * 2, TEST: PLAY.format("it")}, f"{README} has 2 `sh` blocks"),
        ({README: "Nothing to try.", TEST: PLAY.format("it")}, f"{README} has 0 `sh` blocks"),
    ],
)
def test_another_number_of_plays_or_blocks_is_found(plant: Plant, files: dict[str, str], told: str) -> None:
    [offence] = unplayed(plant(files))
    assert offence.startswith(told)
