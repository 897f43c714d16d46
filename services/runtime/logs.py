"""Structured logs: one JSON object per line on standard output."""

import asyncio
import json
import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

from opentelemetry import trace
from typing_extensions import override

# Attributes of a log record. Any other was passed as `extra=` and becomes a field of the JSON object.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger, message, service, version, trace_id and span_id, then the `extra` fields."""

    def __init__(self, service: str, version: str) -> None:
        super().__init__()
        self._service = {"service": service, "version": version}
        self._encode = json.JSONEncoder(default=str, ensure_ascii=False).encode
        self._encoded_service = self._encode(self._service)[1:-1]

    @override
    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record, CallRecord):
            return self._format_call(record)
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
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self._encode(line)

    def _format_call(self, record: "CallRecord") -> str:
        """Return the line of a call, as `format` would, in a third of the time: none of its values needs escaping."""
        span = trace.get_current_span().get_span_context()
        return (
            f'{{"time": "{_second(int(record.created))}.{int(record.created % 1 * 1000):03}+00:00", '
            f'"level": "INFO", "logger": "{record.name}", "message": "{record.msg}", {self._encoded_service}, '
            f'"trace_id": "{span.trace_id:032x}", "span_id": "{span.span_id:016x}", '
            f'"method": "{record.method}", "code": "{record.code}", "duration_ms": {record.duration_ms}}}'
        )


@lru_cache(maxsize=2)
def _second(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class CallRecord(logging.LogRecord):
    """The record of one inbound call, with a message, its `method`, its `code` and its duration."""

    def __init__(self, logger: str, method: str, code: str, duration_ms: float) -> None:
        """Create it, at INFO. Each call has one, so it has only what its line needs: not the code that created it."""
        self.name = logger
        self.levelno, self.levelname = logging.INFO, "INFO"
        self.created = time.time()
        self.msg, self.args = f"{method} {code}", None
        self.exc_info = self.exc_text = self.stack_info = None
        self.method = method
        self.code = code
        self.duration_ms = duration_ms


class LineHandler(logging.Handler):
    """Writes a line for each record. The event loop writes the lines of one iteration together: writes are slow."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []
        self._loop_flushes = False

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record))
            if not self._loop_flushes:
                asyncio.get_running_loop().call_soon(self.flush)
                self._loop_flushes = True
        except RuntimeError:
            # This thread has no event loop.
            self.flush()
        except Exception:  # noqa: BLE001  # what cannot be logged must not fail the code that logs it
            self.handleError(record)

    @override
    def flush(self) -> None:
        self.acquire()
        try:
            lines, self._lines, self._loop_flushes = self._lines, [], False
            # Standard output may be closed, or its disk full. There is no other place to report it.
            with suppress(OSError):
                self._stream.writelines(f"{line}\n" for line in lines)
                self._stream.flush()
        finally:
            self.release()


def configure_logs(service: str, version: str, level: int) -> None:
    """Write the records of all loggers to standard output as JSON lines."""
    # What no line has: the thread, the process and the file that each record came from.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001  # as the "Optimization" section of the logging how-to says
    handler = LineHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service, version))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # At INFO they log every migration and statement, which is noise next to the access log.
    for name in ("alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
