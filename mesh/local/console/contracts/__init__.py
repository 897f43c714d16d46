"""The page of the contracts: every service and method with its rules, its recent calls, and a call to try.

`source.py` compiles the contracts with their comments; `catalog.py` and `fields.py` say what they declare, and
`examples.py` finds a valid request. `live.py` reads the proxies, `recent.py` the metrics. `attempt.py` tries a call,
and `transcript.py` reads how it ended. `routes.py` is the HTTP API.
"""

from mesh.local.console.contracts.routes import routes

__all__ = ["routes"]
