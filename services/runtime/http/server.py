"""serve_http(): the process of a service that speaks HTTP, from its environment to its clean end."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import uvloop
from aiohttp import web

from services.runtime.config import ConfigError, Settings, host_port, socket_path
from services.runtime.logs import configure_logs
from services.runtime.management import Management
from services.runtime.metrics import EventLoopLag, Metrics
from services.runtime.process import cancel_on_signal

GRACE_SECONDS = 15.0
"""How long requests may take after the process got SIGTERM, as for gRPC (rpc/server.py)."""

CreateApp = Callable[[Mapping[str, str]], web.Application]
"""Creates an application from the service's own variables: <SERVICE>_WEB of the environment is WEB here."""

logger = logging.getLogger(__name__)


def serve_http(service: str, create_app: CreateApp) -> None:
    """Serve an application until SIGTERM or SIGINT. Exits with 2 if the environment is invalid.

    It listens on HTTP_LISTEN, and has the management port and the logs of every service.
    """
    try:
        with suppress(asyncio.CancelledError):
            uvloop.run(_serve(service, create_app))
    except ConfigError as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(2)


async def _serve(service: str, create_app: CreateApp) -> None:
    settings = Settings.read(service, os.environ)
    configure_logs(service, settings.version, settings.log_level)
    cancel_on_signal(asyncio.current_task())
    async with AsyncExitStack() as closing:
        metrics, lag = Metrics(), EventLoopLag()
        metrics.register(lag)
        closing.callback(lag.stop)
        closing.push_async_callback(metrics.close)
        management = Management(metrics)
        closing.push_async_callback(management.stop)
        await management.start(*settings.management)
        runner = web.AppRunner(create_app(settings.own), access_log=None, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        closing.push_async_callback(runner.cleanup)
        await _listen(runner, settings.http_listen)
        closing.callback(management.set_ready, ready=False)
        management.set_ready(ready=True)
        logger.info("serving", extra={"listen": settings.http_listen})
        await asyncio.Event().wait()


async def _listen(runner: web.AppRunner, address: str) -> None:
    path = socket_path(address)
    try:
        if path is None:
            await web.TCPSite(runner, *host_port("HTTP_LISTEN", address)).start()
        else:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            await web.UnixSite(runner, str(path)).start()
    except OSError as error:
        raise ConfigError(f"HTTP_LISTEN: cannot listen on {address}: {error.strerror}") from error
