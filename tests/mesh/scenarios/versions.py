"""Reads from catalog through the gateway, and the numbers of calls to each version of catalog."""

import re
from collections import Counter

import grpc.aio

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.mesh.calls import outcome_of
from tests.mesh.harness import Mesh

CALLS_OF_SUBSET = re.compile(r"^outbound\|50051\|(\w+)\|catalog\.shop\..*::rq_total::(\d+)$", re.MULTILINE)


async def get_product(channel: grpc.aio.Channel, **headers: str) -> str:
    """Read a product with headers (x_version="v2" sends x-version: v2), and return the outcome of the call."""
    metadata = grpc.aio.Metadata(*((name.replace("_", "-"), value) for name, value in headers.items()))
    request = catalog_pb2.GetProductRequest(name="products/p-0001")
    stub = catalog_pb2_grpc.CatalogServiceStub(channel)
    return await outcome_of(stub.GetProduct(request, metadata=metadata, timeout=10))


async def calls_by_subset(mesh: Mesh, caller: str = "shop-gateway") -> Counter[str]:
    """Count the calls that the proxy of a caller has sent so far, by subset. Retries and mirrored calls count too."""
    clusters = await mesh.envoy(caller, "clusters")
    calls: Counter[str] = Counter()
    for subset, count in CALLS_OF_SUBSET.findall(clusters):
        calls[subset] += int(count)
    return calls


async def calls_by_pod(mesh: Mesh, subset: str) -> Counter[str]:
    """Count the calls that the gateway has sent to a subset so far, by Pod address."""
    clusters = await mesh.envoy("shop-gateway", "clusters")
    hosts = rf"^outbound\|50051\|{subset}\|catalog\.[^:]*::([\d.]+):50051::rq_total::(\d+)$"
    return Counter({ip: int(count) for ip, count in re.findall(hosts, clusters, re.MULTILINE)})
