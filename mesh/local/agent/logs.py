"""`kubectl logs`: the log files of a container's runs."""

import asyncio
from pathlib import Path

from aiohttp import web

from mesh.local.agent.container import log_file
from mesh.local.agent.pod import PodWorker


async def serve_log(request: web.Request) -> web.StreamResponse:
    """Send the log of a container, or of its previous run."""
    path, query = request.match_info, request.query
    if unsupported := {"timestamps", "sinceSeconds", "sinceTime"} & {
        key for key, value in query.items() if value not in {"", "false"}
    }:
        return web.Response(
            status=400, text=f"{', '.join(sorted(unsupported))}: the local node does not record times in logs\n"
        )
    worker: PodWorker | None = request.app["find"](path["namespace"], path["pod"])
    folder = worker.sandbox.folder if worker else None
    runs = (
        sorted((folder / "logs" / path["container"]).glob("*.log"), key=lambda file: int(file.stem)) if folder else []
    )
    if query.get("previous") == "true":
        runs = runs[:-1]
    if not worker or not folder or not runs:
        return web.Response(status=404, text=f"no log of container {path['container']} in pod {path['pod']}\n")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    run, ended = int(runs[-1].stem), False
    with log_file(folder, path["container"], run).open("rb") as handle:
        if (lines := query.get("tailLines")) is not None:
            handle.seek(_tail_offset(runs[-1], int(lines)))
        while True:
            if chunk := handle.read(65536):
                await response.write(chunk)
            elif query.get("follow") == "true" and runs[-1].exists() and not ended:
                # Read once more after the container has ended, for its last output.
                ended = not worker.runs(path["container"], run)
                await asyncio.sleep(0 if ended else 0.2)
            else:
                break
    return response


def _tail_offset(path: Path, lines: int) -> int:
    """Return the offset of the last lines of a file."""
    content = path.read_bytes()
    ends = [index for index, byte in enumerate(content.rstrip(b"\n")) if byte == 10]
    return len(content) if lines == 0 else ends[-lines] + 1 if len(ends) >= lines else 0
