"""`kubectl logs`: the log files of a container's runs."""

import asyncio
import mmap
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from aiohttp import web

from mesh.local.agent.container import Runner
from mesh.local.agent.log_times import INTERVAL_SECONDS
from mesh.local.agent.pod import PodWorker

CHUNK_BYTES = 65536
SECOND_NS = 10**9


@dataclass(frozen=True)
class Options:
    """What to send of a log: the options of the kubelet's API."""

    follow: bool
    timestamps: bool
    since_ns: int
    tail: int | None
    limit: int | None

    @classmethod
    def of(cls, request: web.Request) -> "Options":
        """Read the options of a request. Raises ValueError if one is invalid."""
        query = request.query
        if query.get("stream", "All") != "All":
            raise ValueError("this node records the two streams of a container as one: only stream=All exists")
        now, since = datetime.now(UTC), query.get("sinceTime")
        since_ns = int(datetime.fromisoformat(since).timestamp()) * SECOND_NS if since else 0
        if seconds := query.get("sinceSeconds"):
            since_ns = int((now.timestamp() - int(seconds)) * SECOND_NS)
        tail, limit = query.get("tailLines"), query.get("limitBytes")
        return cls(
            query.get("follow") == "true",
            query.get("timestamps") == "true",
            since_ns,
            int(tail) if tail else None,
            int(limit) if limit else None,
        )


FROM_NOW_ON = Options(follow=True, timestamps=False, since_ns=0, tail=0, limit=None)


async def serve_log(request: web.Request) -> web.StreamResponse:
    """Send the log of a container, or of its previous run."""
    pod, container = request.match_info["pod"], request.match_info["container"]
    worker: PodWorker | None = request.app["find"](request.match_info["namespace"], pod)
    runner = worker.runners.get(container) if worker else None
    if not worker or not runner:
        return web.Response(status=404, text=f'container "{container}" of pod "{pod}" does not exist on this node\n')
    try:
        options = Options.of(request)
    except ValueError as error:
        return web.Response(status=400, text=f"{error}\n")
    runs, waiting = runner.logs.runs(), runner.state.get("waiting")
    if request.query.get("previous") == "true" and not waiting:
        runs = runs[:-1]
    if not runs:
        name = f'container "{container}" in pod "{pod}"'
        problem = (
            f"{name} is waiting to start: {waiting['reason']}" if waiting else f"previous terminated {name} not found"
        )
        return web.Response(status=400, text=f"{problem}\n")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    async for chunk in read(runner, runs[-1], options):
        await response.write(chunk)
    return response


async def read(runner: Runner, run: int, options: Options) -> AsyncIterator[bytes]:
    """Yield the lines of a run's log that the options select, many at a time."""
    log = runner.logs.of(run)
    left, at_start, selected, chunk = options.limit, True, True, b""
    with log.path.open("rb") as handle:
        offset = handle.seek(_offset(handle, options.tail))
        log.record()
        ended = not options.follow
        while left is None or left > 0:
            line = b"" if len(chunk) > CHUNK_BYTES else handle.readline()
            if not line:
                if chunk:
                    yield chunk
                    chunk = b""
                elif ended:
                    return
                else:
                    # Read once more after the container has ended, for its last output.
                    ended = not (log.path.exists() and runner.is_running(run))
                    await asyncio.sleep(0 if ended else INTERVAL_SECONDS)
                    log.record()
                continue
            start, offset = offset, offset + len(line)
            if at_start:
                time = log.time_of(start) if options.since_ns or options.timestamps else 0
                selected = time >= options.since_ns
                line = _stamp(time) + line if options.timestamps else line
            at_start = line.endswith(b"\n")
            if selected:
                chunk += line[:left]
                left = left and left - len(line)
        yield chunk


def _stamp(time: int) -> bytes:
    """Format nanoseconds since 1970 as RFC 3339 with nine digits."""
    seconds, fraction = divmod(time, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z ".encode()


def _offset(handle: BinaryIO, tail: int | None) -> int:
    """Return the offset of the first line to read: the oldest one that is left, or that of the last lines."""
    size = os.fstat(handle.fileno()).st_size
    if not size or tail == 0:
        return size
    first = os.lseek(handle.fileno(), 0, os.SEEK_DATA)
    with mmap.mmap(handle.fileno(), size, access=mmap.ACCESS_READ) as content:
        if first:  # what was before is dropped, in the middle of a line
            first = content.find(b"\n", first) + 1
        if tail is None:
            return first
        end = size - 1  # a newline at the very end starts no line
        for _ in range(tail):
            end = content.rfind(b"\n", first, end)
            if end < 0:
                return first
        return end + 1
