"""The hooks of a container: postStart and preStop."""

import asyncio

import aiohttp
from lightkube.models.core_v1 import LifecycleHandler

from mesh.local.agent.handlers import RedirectWarning, Target, UnhealthyError


async def run(hook: LifecycleHandler, target: Target, replacement: str = "") -> str | None:
    """Run a hook. Return None if it succeeded, else the problem.

    `replacement` is a URL to POST to. It replaces a command, whose program does not exist here.
    """
    try:
        if hook.httpGet:
            await target.get(hook.httpGet)
        if replacement:
            async with aiohttp.ClientSession() as session:
                await (await session.post(replacement)).read()
        elif hook.exec and hook.exec.command:
            await target.execute(hook.exec.command)
        if hook.sleep:
            await asyncio.sleep(hook.sleep.seconds)
    except RedirectWarning:
        return None
    except (UnhealthyError, aiohttp.ClientError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return None
