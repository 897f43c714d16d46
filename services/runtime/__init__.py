"""The runtime that every service uses. It contains no business logic. See README.md."""

from services.runtime.background import Background
from services.runtime.config import ConfigError
from services.runtime.process import Runtime, run_job, serve

__all__ = ["Background", "ConfigError", "Runtime", "run_job", "serve"]
