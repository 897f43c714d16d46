"""The composition root: `python -m services.operator ledger`, `order orders/ID`, `resume …`, `call METHOD JSON`."""

import argparse
import json
import sys
from functools import cache

import grpc.aio
from confluent_kafka import KafkaException

from services.operator.calls import BadCallError, call, find_method, format_error, read_request
from services.operator.events import Topics
from services.operator.ledger import DEFAULT_TIMEOUT_SECONDS, Ledger, format_report
from services.operator.peers import Services
from services.operator.story import Verdict, read_story
from services.runtime import Runtime, run_job
from services.runtime.events import MalformedRecordError

SUCCESS, FAILURE, UNUSABLE = 0, 1, 2
RESUME_ORDER = "shop.orders.v1.OrdersService/ResumeOrder"


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Parse the command line. An invalid one ends the process with exit code 2."""
    parser = argparse.ArgumentParser("operator", description="Commands for the operator of the running shop.")
    commands = parser.add_subparsers(dest="command", required=True)
    ledger = commands.add_parser("ledger", help="check that the books of all services balance; exit 1 if they do not")
    ledger.add_argument(
        "--within",
        type=float,
        default=DEFAULT_TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="how long to wait until they balance (default: %(default)g)",
    )
    order = commands.add_parser("order", help="print an order with all of its records as JSON; exit 1 if they disagree")
    order.add_argument("order", metavar="orders/ID")
    resume = commands.add_parser("resume", help="resume a parked order")
    resume.add_argument("order", metavar="orders/ID")
    call_command = commands.add_parser("call", help="call a method")
    call_command.add_argument("method", metavar="PACKAGE.SERVICE/METHOD")
    call_command.add_argument("request", metavar="JSON", nargs="?", default="{}")
    return parser.parse_args(words)


async def run_ledger(runtime: Runtime, timeout_seconds: float) -> int:
    """Print the report of the ledger and return the exit code."""
    topics = Topics(runtime.kafka) if runtime.kafka else None
    services = Services(cache(runtime.channel), topics)
    snapshot, results = await Ledger(services.read, timeout_seconds).run(runtime.background())
    sys.stdout.write(format_report(snapshot, results) + "\n")
    return FAILURE if any(result.mismatches for result in results) else SUCCESS


async def run_order(runtime: Runtime, name: str) -> int:
    """Print the order and its records, and return the exit code."""
    topics = Topics(runtime.kafka) if runtime.kafka else None
    story = await read_story(Services(cache(runtime.channel), topics), name)
    sys.stdout.write(json.dumps(story, ensure_ascii=False) + "\n")
    return FAILURE if story["verdict"] == Verdict.UNBALANCED else SUCCESS


async def run_call(runtime: Runtime, name: str, request: str) -> int:
    """Call a method, print its responses and return the exit code."""
    method = find_method(name)
    async for line in call(runtime.channel, method, read_request(method, request)):
        sys.stdout.write(line + "\n")
    return SUCCESS


async def run_command(runtime: Runtime, arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code. Print an error as one line on standard error."""
    try:
        if arguments.command == "ledger":
            return await run_ledger(runtime, arguments.within)
        if arguments.command == "order":
            return await run_order(runtime, arguments.order)
        if arguments.command == "resume":
            return await run_call(runtime, RESUME_ORDER, json.dumps({"name": arguments.order}))
        return await run_call(runtime, arguments.method, arguments.request)
    except grpc.aio.AioRpcError as error:
        sys.stderr.write(f"{format_error(error)}\n")
        return FAILURE
    except (BadCallError, KafkaException, MalformedRecordError) as error:
        sys.stderr.write(f"operator: {error}\n")
        return UNUSABLE


def main() -> None:
    """Run one command."""
    arguments = parse_arguments(sys.argv[1:])
    run_job("operator", lambda runtime: run_command(runtime, arguments))


if __name__ == "__main__":
    main()
