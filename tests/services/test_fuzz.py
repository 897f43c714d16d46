"""For any request, a service returns a status that its contract documents, and its memory does not grow: `make fuzz`.

FUZZ_MESSAGES is the number of requests for each method; a tenth as many byte strings are added. It is small in
`make test`, and 10,000 in `make prove`.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.services.documented import Method, methods
from tests.services.fuzz import Corpus, requests, wire
from tests.support.clock import Stopwatch
from tests.support.databases import Databases, SQLiteFiles
from tests.support.processes import Process
from tests.support.report import Measured
from tests.support.starters import Shared, sharer

pytestmark = pytest.mark.fuzz

FEW = 25
MESSAGES = int(os.environ.get("FUZZ_MESSAGES", FEW))
# Services by their number of methods. Those that take longest start first: identity, which hashes passwords, and those
# with the most methods.
METHODS = Counter(method.service for method in methods())
SERVICES = sorted(METHODS, key=lambda service: (service != "identity", -METHODS[service], service))
# Each process has one more test assigned. The shortest test waits behind the two longest; the other process takes the
# third.
SERVICES.insert(2, SERVICES.pop())
CALL_TIMEOUT_SECONDS = 10.0
# How much a process may grow after the first tenth of its calls: caches fill, and the heap fragments. A leak of 4 KiB
# in each of the other 9,000 requests to one method would be 35 MiB.
MAX_GROWTH_MIB = 28
MAX_RESPONSES = 3
UNAVAILABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
INVALID = frozenset({grpc.StatusCode.INVALID_ARGUMENT})


class Caller:
    """Calls a method with bytes, adds its responses to the corpus, and counts its statuses."""

    def __init__(self, method: Method, channel: grpc.Channel, corpus: Corpus) -> None:
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._method, self._corpus = method, corpus
        self._read = GetMessageClass(method.descriptor.output_type).FromString
        create = channel.unary_stream if method.descriptor.server_streaming else channel.unary_unary
        self._open: Callable[..., Any] = create(method.path)

    def call(self, request: bytes, allowed: frozenset[grpc.StatusCode]) -> None:
        """Send the bytes. Record a violation if the status is neither OK nor allowed."""
        code: grpc.StatusCode = grpc.StatusCode.OK
        details: str | None = None
        try:
            for reply in self._replies(request):
                self._corpus.add_all(self._read(reply))
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
        self.counts[code.name] += 1
        if code is not grpc.StatusCode.OK and code not in allowed:
            self.violations.append(f"{self._method.path} returns {code.name} ({details}) for {request.hex()[:2000]}")

    def _replies(self, request: bytes) -> Iterator[bytes]:
        call = self._open(request, timeout=CALL_TIMEOUT_SECONDS)
        if isinstance(call, bytes):
            yield call
            return
        for number, reply in enumerate(call, 1):
            yield reply
            if number == MAX_RESPONSES:
                call.cancel()
                return


def each(strategy: SearchStrategy[bytes], count: int, act: Callable[[bytes], None]) -> None:
    """Draw so many values and act on each. Nothing is repeated: the data of a service may have changed since."""

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=count <= FEW,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: bytes) -> None:
        act(value)

    draw()


def send(method: Method, caller: Caller, corpus: Corpus, count: int) -> None:
    """Send `count` requests, and a tenth as many byte strings, which may be no message at all."""
    request_type = method.descriptor.input_type
    documented = method.statuses | UNAVAILABLE
    whole = requests(request_type, corpus).map(lambda message: message.SerializeToString())
    each(whole, count, lambda request: caller.call(request, documented))
    each(wire(request_type, corpus), max(1, count // 10), lambda request: caller.call(request, documented | INVALID))


def mib(process: Process) -> float:
    """Return the memory of a process in MiB, without mapped files."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Shared]:
    """Return a function that returns the process of a service for these tests. No other test uses its data."""
    yield from sharer(tmp_path_factory.mktemp("fuzzed"), storage)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("service", SERVICES)
def test_every_status_is_documented_and_memory_stays_flat(
    service: str, fuzzed: Shared, storage: Databases, measured: Measured
) -> None:
    process, corpus = fuzzed(service), Corpus()
    # The status of a request hardly depends on the database: a few requests are enough on PostgreSQL.
    messages = MESSAGES if storage.name == SQLiteFiles.name else FEW
    own = [method for method in methods() if method.service == service]
    with grpc.insecure_channel(process.target) as channel:
        callers = {method.path: Caller(method, channel, corpus) for method in own}
        first = max(FEW, messages // 10)
        for method in own:
            send(method, callers[method.path], corpus, first)
        warm, stopwatch = mib(process), Stopwatch()
        for method in own if messages > FEW else []:
            send(method, callers[method.path], corpus, messages - first)
            sys.stdout.write(f"{method.path}: {mib(process):.1f} MiB, {stopwatch.elapsed():.0f} s\n")
            sys.stdout.flush()
    now = mib(process)
    for path, caller in callers.items():
        counts = ", ".join(f"{code} {count}" for code, count in caller.counts.most_common())
        sys.stdout.write(f"{path}: {counts}\n")
    took = stopwatch.elapsed()
    measured(
        f"fuzz: {service} on {storage.name}, {len(own)} methods, {messages} requests each: "
        f"{warm:.1f} MiB after the first, {now:.1f} at the end, {took:.0f} s later"
    )
    assert [violation for caller in callers.values() for violation in caller.violations] == []
    assert now < warm + MAX_GROWTH_MIB
    assert process.get("/ready") == 200
