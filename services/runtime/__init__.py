"""What every service stands on: serve(), database, errors. It knows no business noun; see README.md."""

from services.runtime.background import Background
from services.runtime.database import Database
from services.runtime.errors import ErrorTable, Refusal
from services.runtime.requests import once, recall, reply_once
from services.runtime.server import Runtime, perform, serve

__all__ = [
    "Background",
    "Database",
    "ErrorTable",
    "Refusal",
    "Runtime",
    "once",
    "perform",
    "recall",
    "reply_once",
    "serve",
]
