"""All scenarios are applied together and removed in any order, and nothing of them is left."""

import os
import random

from tests.mesh.harness import Mesh
from tests.mesh.scenarios.scenario import FOLDER
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.report import Measured

NAMES = sorted(path.parent.name for path in (ROOT / FOLDER).glob("*/kustomization.yaml"))


async def objects(mesh: Mesh) -> set[str]:
    """Return the names of all Istio objects and workloads in the mesh."""
    types = (await mesh.kubectl("api-resources", "--verbs=list", "-o", "name")).split()
    istio_types = [each for each in types if each.endswith(".istio.io")]
    names = await mesh.kubectl(
        "get",
        ",".join([*istio_types, "deployments", "services", "serviceaccounts", "configmaps", "secrets"]),
        "-A",
        "-o",
        "name",
    )
    return set(names.split())


async def test_all_scenarios_together_leave_the_mesh_as_it_was(mesh: Mesh, measured: Measured) -> None:
    seed = int(os.environ.get("SCENARIOS_SEED") or random.SystemRandom().randrange(10**6))
    measured(f"scenarios in random order: {len(NAMES)}, SCENARIOS_SEED={seed}")
    rng = random.Random(seed)  # noqa: S311  # no secret
    before = await objects(mesh)
    try:
        for name in rng.sample(NAMES, len(NAMES)):
            await mesh.kubectl("apply", "-k", str(ROOT / FOLDER / name))
        assert await objects(mesh) > before
    finally:
        for name in rng.sample(NAMES, len(NAMES)):
            await mesh.kubectl(
                "delete", "--cascade=foreground", "--ignore-not-found", "-k", str(ROOT / FOLDER / name), within=120
            )
    async for attempt in eventually(20):
        with attempt:
            assert await objects(mesh) == before
    run = await mesh.run("kubectl", "diff", "--server-side", "-k", str(mesh.home / "overlay"))
    assert run.returncode == 0, run.stdout + run.stderr
