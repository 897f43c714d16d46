"""Whose loopback addresses are whose."""

from pathlib import Path

import pytest

from mesh.local import instance


def test_meshes_that_do_not_know_of_each_other_choose_different_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two users start one each at the same time, and nothing of either listens yet."""
    chosen = []
    for home in ("ada", "eve"):
        monkeypatch.setenv("MESH_STATE_HOME", str(tmp_path / home))
        chosen.append(instance.create("default").prefix)
        assert instance.create("default").prefix == chosen[-1], "and each keeps its own"
    assert len(set(chosen)) == 2
