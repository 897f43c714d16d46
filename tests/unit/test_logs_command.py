"""`mesh logs agent` takes the options of `kubectl logs` that make sense for a file."""

import pytest

from mesh.local.commands.logs import AGENT_LINES, tail_options
from mesh.local.errors import MeshError


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["--lines", str(AGENT_LINES)]),
        (["--tail=3"], ["--lines", "3"]),
        (["--tail", "3", "-f"], ["--lines", "3", "--follow"]),
        (["--tail=-1", "--follow=false"], ["--lines", "+1"]),
    ],
)
def test_options_are_those_of_kubectl(options: list[str], expected: list[str]) -> None:
    assert tail_options(options) == expected


@pytest.mark.parametrize("options", [["--tail=x"], ["--tail"], ["--since=1m"], ["-n", "3"]])
def test_other_options_are_refused(options: list[str]) -> None:
    with pytest.raises(MeshError):
        tail_options(options)
