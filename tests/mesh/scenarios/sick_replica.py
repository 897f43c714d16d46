"""The failing Pod of the scenario outlier-ejection."""

import json

from tests.mesh.harness import Mesh

HOST = "ejection.example"
"""The host of the calls: its route has no retries."""
NAME_PATH = "/spec/configPatches/0/match/proxy/metadata/NAME"


async def make_one_pod_fail(mesh: Mesh) -> None:
    """Choose a Pod of catalog, whose calls all fail from now on. The scenario must be applied."""
    sick = (await mesh.pods("catalog"))[0]["metadata"]["name"]
    patch = json.dumps([{"op": "replace", "path": NAME_PATH, "value": sick}])
    await mesh.kubectl("patch", "envoyfilter", "-n", "shop", "sick-replica", "--type=json", "-p", patch)
