"""What the law about resilience code finds."""

import pytest

from tests.tidy import resilience as law
from tests.tidy.conftest import MakeTree
from tests.tidy.resilience import resilience

LOOP = "a loop over a failing call"


@pytest.mark.parametrize(
    ("code", "banned", "instead"),
    [
        ("import grpc\nwhile True:\n  try: call()\n  except grpc.RpcError: pass", LOOP, law.RETRY),
        ("from grpc import aio\nfor _ in f:\n  try: call()\n  except (OSError, aio.AioRpcError): continue",
         LOOP, law.RETRY),
        ('options = [("grpc.enable_retries", 1)]', '"grpc.enable_retries"', law.RETRY),
        ('options = [("grpc.service_config", config)]', '"grpc.service_config"', law.RETRY),
        ("""config = '{"methodConfig": [{"retryPolicy": {}}]}'""", '"retryPolicy"', law.RETRY),
        ('options = [("grpc.lb_policy_name", "round_robin")]', '"grpc.lb_policy_name"', law.BALANCING),
        ('caller = metadata["x-forwarded-client-cert"]', '"x-forwarded-client-cert"', law.CALLERS),
        ("reply = stub.GetProduct(request, timeout=2)", "timeout=", law.TIMEOUT),
        ("reply = stub.GetProduct(request, wait_for_ready=True)", "wait_for_ready=", law.TIMEOUT),
        ("server = make(maximum_concurrent_rpcs=100)", "maximum_concurrent_rpcs=", law.LIMIT),
        ("server.add_secure_port(address, credentials)", "add_secure_port", law.TLS),
        ("caller = context.auth_context()", "auth_context", law.CALLERS),
        ("def f():\n  context.set_code(code)\n  return reply", "set_code", law.STATUS),
        ("def f():\n  context.set_details(text)\n  return reply", "set_details", law.STATUS),
        ("async def f():\n  context.set_code(code)\n  yield reply", "set_code", law.STATUS),
        ("async def f(): await context.abort(code, text)", "abort", law.STATUS),
        ("async def f(): await context.send_initial_metadata(())", "send_initial_metadata", law.STATUS),
        ("def f(): context.set_trailing_metadata(())", "set_trailing_metadata", law.STATUS),
    ],
)  # fmt: skip
def test_resilience_code_is_found(make_tree: MakeTree, code: str, banned: str, instead: str) -> None:
    [violation] = resilience(make_tree({"services/catalog/servicer.py": f'"""A module."""\n{code}\n'}))
    assert violation.startswith("services/catalog/servicer.py:")
    assert violation.endswith(f"{banned}: {instead}")


@pytest.mark.parametrize(
    "code",
    [
        '"""A retryPolicy and x-forwarded-client-cert are settings of the mesh."""\n# timeout=3\n',
        'options = [("grpc.enable_retries", 0)]\n',
    ],
)
def test_docstrings_and_turning_retries_off_are_allowed(make_tree: MakeTree, code: str) -> None:
    assert list(resilience(make_tree({"services/catalog/store.py": code}))) == []


def test_an_exception_holds_for_one_file(make_tree: MakeTree) -> None:
    code = "async def f(context): await context.abort(code, text)\n"
    tree = make_tree({"services/runtime/rpc/interceptor.py": code, "services/runtime/other.py": code})
    [violation] = resilience(tree)
    assert violation.startswith("services/runtime/other.py:1 abort")


def test_an_exception_that_is_not_needed_is_found(make_tree: MakeTree) -> None:
    [violation] = resilience(make_tree({"services/runtime/rpc/interceptor.py": ""}))
    assert violation == "services/runtime/rpc/interceptor.py no longer uses abort: remove it from EXCEPTIONS"
