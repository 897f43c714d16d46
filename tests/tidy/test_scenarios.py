"""What the law about scenarios finds."""

import pytest

from tests.tidy.conftest import MakeTree
from tests.tidy.scenarios import scenarios

README, TEST = "mesh/istio/scenarios/mirror-all/README.md", "tests/mesh/scenarios/test_mirror_all.py"
BLOCK = "```sh\nkubectl apply -k mirror-all\n```\n"
RUN = "async def test_{}(scenario):\n    async with scenario.run_readme():\n        pass\n"
TWICE = f"import pytest\n@pytest.mark.parametrize('n', [1, 2])\n{RUN.format('it')}"


def test_a_readme_that_one_test_runs_is_no_violation(make_tree: MakeTree) -> None:
    tree = make_tree({README: BLOCK, TEST: RUN.format("it") + "def test_other(): pass\n"})
    assert list(scenarios(tree)) == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({README: BLOCK}, f"{TEST} runs {README} 0 times"),
        ({README: BLOCK, TEST: "def test_it(): pass\n"}, f"{TEST} runs {README} 0 times"),
        ({README: BLOCK, TEST: RUN.format("it") + RUN.format("again")}, f"{TEST} runs {README} 2 times"),
        ({README: BLOCK, TEST: TWICE}, f"{TEST} runs {README} 2 times"),
        ({README: BLOCK * 2, TEST: RUN.format("it")}, f"{README} has 2 `sh` blocks"),
        ({README: "Nothing to try.", TEST: RUN.format("it")}, f"{README} has 0 `sh` blocks"),
    ],
)
def test_another_number_of_runs_or_blocks_is_found(make_tree: MakeTree, files: dict[str, str], message: str) -> None:
    [violation] = scenarios(make_tree(files))
    assert violation.startswith(message)
