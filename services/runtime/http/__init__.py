"""HTTP for a service that serves pages. Only such a service imports it: aiohttp takes 110 ms to import."""

from services.runtime.http.server import serve_http

__all__ = ["serve_http"]
