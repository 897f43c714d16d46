"""Whatever a caller sends, a service answers as its contract documents, and stays as large as it is: `make fuzz`.

FUZZ_MESSAGES says how many requests each method gets, and a tenth as many texts of bytes; in `make test` they are few,
in `make prove` 10,000.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.conftest import Measured
from tests.services.conftest import Shared, sharer
from tests.services.databases import Databases, SQLiteFiles
from tests.services.documented import Method, methods
from tests.services.fuzz import Corpus, requests, wire
from tests.services.harness import Process

pytestmark = pytest.mark.fuzz

FEW = 25
MESSAGES = int(os.environ.get("FUZZ_MESSAGES", FEW))
# How many methods each service has. Those that take longest start first: identity, for its passwords, and those with
# the most methods.
METHODS = Counter(method.service for method in methods())
SERVICES = sorted(METHODS, key=lambda service: (service != "identity", -METHODS[service], service))
# Each process holds one test ready. The shortest waits behind the two longest; the other process takes the third.
SERVICES.insert(2, SERVICES.pop())
CALL_SECONDS = 5.0
# What a process may grow by after its first tenth of calls: caches fill, the heap breaks up. Had each of the other
# 9,000 requests to one method left 4 KiB, it would be 35.
GROWTH_MIB = 28
MOST_REPLIES = 3
UNANSWERED = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
INVALID = frozenset({grpc.StatusCode.INVALID_ARGUMENT})


class Caller:
    """Calls a method with bytes, learns of its replies, and keeps count of its statuses."""

    def __init__(self, method: Method, channel: grpc.Channel, corpus: Corpus) -> None:
        self.counts: Counter[str] = Counter()
        self.offences: list[str] = []
        self._method, self._corpus = method, corpus
        self._read = GetMessageClass(method.descriptor.output_type).FromString
        kind = channel.unary_stream if method.descriptor.server_streaming else channel.unary_unary
        self._open: Callable[..., Any] = kind(method.path)

    def call(self, request: bytes, allowed: frozenset[grpc.StatusCode]) -> None:
        """Send the bytes; a status that is neither OK nor allowed is an offence."""
        code: grpc.StatusCode = grpc.StatusCode.OK
        told: str | None = None
        try:
            for reply in self._replies(request):
                self._corpus.learn_from(self._read(reply))
        except grpc.RpcError as error:
            code, told = error.code(), error.details()
        self.counts[code.name] += 1
        if code is not grpc.StatusCode.OK and code not in allowed:
            self.offences.append(f"{self._method.path} answers {code.name} ({told}) to {request.hex()[:2000]}")

    def _replies(self, request: bytes) -> Iterator[bytes]:
        call = self._open(request, timeout=CALL_SECONDS)
        if isinstance(call, bytes):
            yield call
            return
        for number, reply in enumerate(call, 1):
            yield reply
            if number == MOST_REPLIES:
                call.cancel()
                return


def each(strategy: SearchStrategy[bytes], count: int, act: Callable[[bytes], None]) -> None:
    """Draw so many values and act on each. Nothing is tried again: what a service has kept would answer otherwise."""

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
    """Send `count` requests, and a tenth as many texts of bytes, which may be no message at all."""
    kind = method.descriptor.input_type
    documented = method.statuses | UNANSWERED
    whole = requests(kind, corpus).map(lambda message: message.SerializeToString())
    each(whole, count, lambda request: caller.call(request, documented))
    each(wire(kind, corpus), max(1, count // 10), lambda request: caller.call(request, documented | INVALID))


def mib(process: Process) -> float:
    """Answer the memory of a process: what of it is not a file's."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


@pytest.fixture(scope="module")
def battered(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Shared]:
    """Answer what gives each service's one process that these tests use: what they leave behind is nobody else's."""
    yield from sharer(tmp_path_factory.mktemp("battered"), storage)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("service", SERVICES)
def test_every_status_is_documented_and_memory_stays_flat(
    service: str, battered: Shared, storage: Databases, measured: Measured
) -> None:
    process, corpus = battered(service), Corpus()
    # Whether a request is answered as documented depends little on the database: on PostgreSQL a few are enough.
    messages = MESSAGES if storage.name == SQLiteFiles.name else FEW
    mine = [method for method in methods() if method.service == service]
    with grpc.insecure_channel(process.target) as channel:
        callers = {method.path: Caller(method, channel, corpus) for method in mine}
        first = max(FEW, messages // 10)
        for method in mine:
            send(method, callers[method.path], corpus, first)
        warm, start = mib(process), time.monotonic()
        for method in mine if messages > FEW else []:
            send(method, callers[method.path], corpus, messages - first)
            sys.stdout.write(f"{method.path}: {mib(process):.1f} MiB, {time.monotonic() - start:.0f} s\n")
            sys.stdout.flush()
    now = mib(process)
    for path, caller in callers.items():
        counts = ", ".join(f"{code} {count}" for code, count in caller.counts.most_common())
        sys.stdout.write(f"{path}: {counts}\n")
    took = time.monotonic() - start
    measured(
        f"fuzz: {service} on {storage.name}, {len(mine)} methods, {messages} requests each: "
        f"{warm:.1f} MiB after the first, {now:.1f} at the end, {took:.0f} s later"
    )
    offences = [offence for caller in callers.values() for offence in caller.offences]
    assert offences == []
    assert now < warm + GROWTH_MIB
    assert process.get("/ready") == 200
