"""The verdicts of `make breaking` are true at the gateway: the policies of an edited contract meet programs of today.

The newer policies are what the generator writes for the edited contract. The services, and the callers from outside,
are those of the current contract.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest

from tests.mesh.harness import Manifest, Mesh
from tests.mesh.raw_http import RawResponse, http_request
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.edits import EDITS
from tests.support.edits.edit import CATALOG, Replacement
from tools.breaking.policies import parameter
from tools.breaking.sources import build
from tools.protoc_gen_istio.generate import manifests

pytestmark = [pytest.mark.prove]

STOCK, PRODUCTS, LISTED, JWKS = (
    "/v1/stocks/p-0001",
    "/v1/products?show_discontinued=true&page_size=1",
    "/v1/orders?customer=customers/me",
    "/.well-known/jwks.json",
)
MANAGED = {"app.kubernetes.io/managed-by": "protoc-gen-istio"}
MARKER = Replacement(
    CATALOG,
    '{get: "/v1/products:batchGet"}',
    '{get: "/v1/products:batchGet", additional_bindings: {get: "/v1/marker"}}',
)
"""A path that only the newer policies have, in each case."""
MARKER_PATH = "/v1/marker?names=products/p-0001"
REJECTED = (400, 403, 404)

Check = Callable[[RawResponse], bool]


def succeeds(response: RawResponse) -> bool:
    """Return whether a call succeeded."""
    return response.status == 200


def is_rejected(response: RawResponse) -> bool:
    """Return whether the gateway rejected a call."""
    return response.status in REJECTED


def has_available(response: RawResponse) -> bool:
    """Return whether the response has the field `available`."""
    return succeeds(response) and "available" in json.loads(response.body)["stock"]


def lacks_available(response: RawResponse) -> bool:
    """Return whether a response does not have the field `available`."""
    return succeeds(response) and not has_available(response)


@dataclass(frozen=True)
class Case:
    """A request of a caller that knows the current contract, and its result before and after an edit."""

    edit: str
    path: str
    after: Check
    before: Check = succeeds


CASES = [
    Case("fields: query parameter removed with reservation", PRODUCTS, is_rejected),
    Case("fields: JSON name changed", STOCK, lacks_available, has_available),
    Case("http: verb changed", STOCK, is_rejected),
    Case("http: version of a path changed", STOCK, is_rejected),
    Case("http: well-known path changed", JWKS, is_rejected),
    Case("options: login required", STOCK, is_rejected),
    Case("options: role required", LISTED, is_rejected),
    Case("policies: issuer changed", LISTED, is_rejected),
    Case("structure: field", PRODUCTS, succeeds),
    Case("http: pattern that accepts more", STOCK, has_available, has_available),
    Case("http: old path only as an additional one", STOCK, has_available, has_available),
    Case("options: method opened to the public", LISTED, succeeds),
    Case("policies: any issuer", LISTED, succeeds),
    Case("policies: higher tier", PRODUCTS, succeeds),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.edit)
async def test_a_caller_of_the_older_contract_meets_the_newer_policies(mesh: Mesh, case: Case, tmp_path: Path) -> None:
    is_breaking = EDITS[case.edit].is_breaking
    assert is_breaking == (case.after is not case.before)
    headers = {"authorization": f"Bearer {await mesh.token()}"} if case.path == LISTED else {}

    async def result() -> RawResponse:
        return await http_request(mesh.gateway, case.path, headers)

    assert case.before(await result())
    async with _deployed(mesh, case.edit, tmp_path):
        async for attempt in eventually(30):
            with attempt:
                assert succeeds(await http_request(mesh.gateway, MARKER_PATH)), "the gateway has the newer policies"
        async for attempt in eventually(30):
            with attempt:
                response = await result()
                assert case.after(response), response
    async for attempt in eventually(30):
        with attempt:
            assert case.before(await result())


@asynccontextmanager
async def _deployed(mesh: Mesh, edit: str, folder: Path) -> AsyncIterator[None]:
    """Replace the generated policies that an edit and the marker change while the block runs."""
    for part in ("proto", "services"):
        copytree(ROOT / part, folder / part, ignore=lambda _, names: [name for name in names if name == "__pycache__"])
    (folder / "third_party").symlink_to(ROOT / "third_party")
    (folder / "buf.gen.yaml").write_text((ROOT / "buf.gen.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    before = _manifests(folder)
    for replacement in (*EDITS[edit].replacements, MARKER):
        replacement.apply(folder)
    after = _manifests(folder)
    changed = [name for name in before if name in after and before[name] != after[name]]
    try:
        await _replace(mesh, [after[name] for name in changed])
        yield
    finally:
        await _replace(mesh, [before[name] for name in changed])


def _manifests(folder: Path) -> dict[str, Manifest]:
    state = build(folder, folder / "image.binpb")
    request = CodeGeneratorRequest(
        parameter=parameter(state), file_to_generate=list(state.image.packages), proto_file=state.image.files
    )
    written = manifests(request, folder)
    for each in written:
        each["metadata"]["labels"] = each["metadata"].get("labels", {}) | MANAGED
    return {f"{each['kind']} {each['metadata']['namespace']} {each['metadata']['name']}": each for each in written}


async def _replace(mesh: Mesh, changed: list[Manifest]) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": changed})
    await mesh.kubectl("replace", "-f", "-", stdin=text)
