"""Structured logs: one JSON object per line on standard output."""

import json
import logging
import sys
from datetime import UTC, datetime

from opentelemetry import trace
from typing_extensions import override

# Attributes of a log record. Any other was passed as `extra=` and becomes a field of the JSON object.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger, message, service, version, trace_id and span_id, then the `extra` fields."""

    def __init__(self, service: str, version: str) -> None:
        super().__init__()
        self._service = {"service": service, "version": version}

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._service,
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
            line["span_id"] = trace.format_span_id(span.span_id)
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure_logs(service: str, version: str, level: int) -> None:
    """Write the records of all loggers to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service, version))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # At INFO they log every migration and statement, which is noise next to the access log.
    for name in ("alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
