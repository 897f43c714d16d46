"""services/ leaves the network to the mesh."""

import pytest

from tests.tidy import resilience as laws
from tests.tidy.conftest import Plant
from tests.tidy.tree import Tree

OFFENCES = [
    ("import tenacity", "tenacity", laws.RETRY),
    ("from backoff import on_exception", "backoff", laws.RETRY),
    ("from stamina import retry", "stamina", laws.RETRY),
    ("import retrying", "retrying", laws.RETRY),
    ("import grpc\nwhile True:\n  try: call()\n  except grpc.RpcError: pass", "a loop over a failing call", laws.RETRY),
    (
        "import grpc.aio as aio\nfor _ in range(3):\n  try: call()\n  except (OSError, aio.AioRpcError): continue",
        "a loop over a failing call",
        laws.RETRY,
    ),
    ('options = [("grpc.enable_retries", 1)]', '"grpc.enable_retries"', laws.RETRY),
    ('options = [("grpc.service_config", config)]', '"grpc.service_config"', laws.RETRY),
    ("""config = '{"methodConfig": [{"retryPolicy": {}}]}'""", '"retryPolicy"', laws.RETRY),
    ("import circuitbreaker", "circuitbreaker", laws.BREAKER),
    ("import asyncio\nasync def f(): await asyncio.wait_for(call(), 1)", "asyncio.wait_for", laws.TIMEOUT),
    ("from asyncio import timeout as bounded", "asyncio.timeout", laws.TIMEOUT),
    ("import asyncio as a\nlimit = a.timeout(3)", "asyncio.timeout", laws.TIMEOUT),
    ("reply = stub.GetProduct(request, timeout=2)", "timeout=", laws.TIMEOUT),
    ("reply = stub.GetProduct(request, wait_for_ready=True)", "wait_for_ready=", laws.TIMEOUT),
    (
        "from grpc import aio\nmade = aio.ClientCallDetails(m, 3, None)",
        "grpc.aio.ClientCall",
        laws.TIMEOUT,
    ),
    ("import time\nfor _ in range(3): time.sleep(1)", "time.sleep", laws.WAITING),
    ("from asyncio import sleep\nasync def f():\n  while True: await sleep(1)", "asyncio.sleep", laws.WAITING),
    ("import asyncio\npool = asyncio.Semaphore(10)", "asyncio.Semaphore", laws.BULKHEAD),
    ("server = make(maximum_concurrent_rpcs=100)", "maximum_concurrent_rpcs=", laws.BULKHEAD),
    ("from aiolimiter import AsyncLimiter", "aiolimiter", laws.RATE),
    ('options = [("grpc.lb_policy_name", "round_robin")]', '"grpc.lb_policy_name"', laws.BALANCING),
    ("import ssl", "ssl", laws.TLS),
    ("import grpc\ncredentials = grpc.ssl_channel_credentials()", "grpc.ssl_channel_credentials", laws.TLS),
    ("import grpc.aio\nchannel = grpc.aio.secure_channel(target, c)", "grpc.aio.secure_channel", laws.TLS),
    ("server.add_secure_port(address, credentials)", "add_secure_port", laws.TLS),
    ("caller = context.auth_context()", "auth_context", laws.CALLERS),
    ('caller = metadata["x-forwarded-client-cert"]', '"x-forwarded-client-cert"', laws.CALLERS),
    ("def f():\n  context.set_code(code)\n  return reply", "set_code", laws.STATUS),
    ("def f():\n  context.set_details(text)\n  return reply", "set_details", laws.STATUS),
    ("async def f():\n  context.set_code(code)\n  yield reply", "set_code", laws.STATUS),
    ("async def f(): await context.abort(code, text)", "abort", laws.STATUS),
    ("async def f(): await context.send_initial_metadata(())", "send_initial_metadata", laws.STATUS),
    ("def f(): context.set_trailing_metadata(())", "set_trailing_metadata", laws.STATUS),
]


def test_services_hold_no_resilience_code(checkout: Tree) -> None:
    assert laws.resilience(checkout) == []


def test_every_exception_is_needed(checkout: Tree) -> None:
    assert laws.unused_exceptions(checkout) == []


def test_only_tests_and_tools_wait_with_a_retry_library(checkout: Tree) -> None:
    assert laws.retry_libraries(checkout) == []


@pytest.mark.parametrize(("code", "what", "instead"), OFFENCES)
def test_resilience_code_is_found_and_told_what_to_use_instead(
    plant: Plant, code: str, what: str, instead: str
) -> None:
    tree = plant({"services/catalog/servicer.py": f'"""A module."""\n{code}\n'})
    offence = laws.resilience(tree)[0]
    assert offence.startswith("services/catalog/servicer.py:")
    assert what in offence
    assert offence.endswith(instead)


def test_what_is_an_exception_in_one_file_is_an_offence_in_another(plant: Plant) -> None:
    nap = "import asyncio\nasync def f(): await asyncio.sleep(1)\n"
    tree = plant({"services/runtime/background.py": nap, "services/runtime/other.py": nap})
    [offence] = laws.resilience(tree)
    assert offence.startswith("services/runtime/other.py:2 asyncio.sleep")


def test_texts_that_tell_of_it_are_no_offence(plant: Plant) -> None:
    code = '"""Retries by a retryPolicy, x-forwarded-client-cert and time.sleep are the mesh\'s."""\n# import ssl\n'
    assert laws.resilience(plant({"services/catalog/store.py": code})) == []


def test_turning_retries_off_is_no_offence(plant: Plant) -> None:
    assert laws.resilience(plant({"services/runtime/channel.py": 'options = [("grpc.enable_retries", 0)]\n'})) == []


def test_an_exception_that_nothing_needs_is_found(plant: Plant) -> None:
    told = laws.unused_exceptions(plant({"services/runtime/background.py": ""}))
    assert "services/runtime/background.py has no asyncio.sleep any more: take it out of EXCEPTIONS" in told


@pytest.mark.parametrize("folder", ["services/catalog", "mesh/local"])
def test_a_retry_library_outside_of_tests_and_tools_is_found(plant: Plant, folder: str) -> None:
    tree = plant({f"{folder}/module.py": "import tenacity\n", "tests/t.py": "import tenacity\n", "pyproject.toml": ""})
    [offence] = laws.retry_libraries(tree)
    assert offence.startswith(f"{folder}/module.py:1 tenacity: only tests and tools")


def test_a_retry_library_among_the_served_dependencies_is_found(plant: Plant) -> None:
    project = '[project]\ndependencies = [\n    "grpcio>=1",\n    "tenacity>=9,<10",\n]\n'
    assert laws.retry_libraries(plant({"pyproject.toml": project})) == [
        "pyproject.toml tenacity: belongs to the extra `dev`"
    ]
