"""The kubelet's API, as far as kubectl and istioctl need it. It accepts only the API server's client certificate."""

import asyncio
import ssl
from collections.abc import Callable, Mapping

from aiohttp import web

from mesh.local.agent import logs, metrics, streams
from mesh.local.agent.node import KUBELET_PORT
from mesh.local.agent.pod import PodWorker
from mesh.local.instance import Instance

Find = Callable[[str, str], PodWorker | None]
"""(namespace, Pod) → its worker on this node."""


async def serve(mesh: Instance, workers: Mapping[str, PodWorker], find: Find) -> None:
    """Serve until cancelled. `workers` are the Pods of this node by uid."""
    app = web.Application()
    app["find"] = find
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", logs.serve_log)
    app.add_routes([*streams.routes(), *metrics.routes(workers)])
    # A client that follows a log is disconnected when the agent stops.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    pki = mesh.pki
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(pki / "kubelet.crt", pki / "kubelet.key")
    await web.TCPSite(runner, mesh.node_ip, KUBELET_PORT, ssl_context=context, reuse_address=True).start()
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
