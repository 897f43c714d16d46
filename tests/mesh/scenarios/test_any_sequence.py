"""However many scenarios are applied at once, and in whatever sequence they come and go: nothing of them stays."""

import os
import random

from tests.conftest import Measured
from tests.mesh.harness import ROOT, Mesh, eventually
from tests.mesh.scenarios.scenario import FOLDER

NAMES = sorted(path.parent.name for path in (ROOT / FOLDER).glob("*/kustomization.yaml"))


async def objects(mesh: Mesh) -> set[str]:
    """Answer whatever an operator may have made in the mesh: Istio's objects, and workloads."""
    kinds = (await mesh.kubectl("api-resources", "--verbs=list", "-o", "name")).split()
    istio = [kind for kind in kinds if kind.endswith(".istio.io")]
    found = await mesh.kubectl(
        "get",
        ",".join([*istio, "deployments", "services", "serviceaccounts", "configmaps", "secrets"]),
        "-A",
        "-o",
        "name",
    )
    return set(found.split())


async def test_they_leave_the_mesh_as_it_was(mesh: Mesh, measured: Measured) -> None:
    seed = int(os.environ.get("SCENARIOS_SEED") or random.SystemRandom().randrange(10**6))
    measured(f"scenarios in any sequence: {len(NAMES)} of them, SCENARIOS_SEED={seed}")
    chance = random.Random(seed)  # noqa: S311  # no secret
    before = await objects(mesh)
    try:
        for name in chance.sample(NAMES, len(NAMES)):
            await mesh.kubectl("apply", "-k", str(ROOT / FOLDER / name))
        assert await objects(mesh) > before
    finally:
        for name in chance.sample(NAMES, len(NAMES)):
            await mesh.kubectl(
                "delete", "--cascade=foreground", "--ignore-not-found", "-k", str(ROOT / FOLDER / name), within=120
            )
    async for attempt in eventually(20):
        with attempt:
            assert await objects(mesh) == before
    run = await mesh.run("kubectl", "diff", "--server-side", "-k", str(mesh.home / "overlay"))
    assert run.returncode == 0, run.stdout + run.stderr
