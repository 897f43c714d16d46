"""The composition root: `python -m services.operator ledger`, `resume orders/ID`, `call SERVICE/METHOD JSON`."""

import argparse
import json
import sys
from functools import cache

import grpc.aio
from confluent_kafka import KafkaException

from services.operator.calls import BadCallError, call, find, read_request, told
from services.operator.events import Topics
from services.operator.ledger import PATIENCE_SECONDS, Ledger, report
from services.operator.peers import Services
from services.runtime import Runtime, run_job
from services.runtime.events.event import MalformedRecordError

HOLDS, FAILS, UNUSABLE = 0, 1, 2
RESUME = "shop.orders.v1.OrdersService/ResumeOrder"


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line; what is wrong with it ends the process with exit code 2."""
    parser = argparse.ArgumentParser("operator", description="What an operator does to the running shop.")
    commands = parser.add_subparsers(dest="command", required=True)
    ledger = commands.add_parser("ledger", help="prove that the books of all services balance; exit 1 if they do not")
    ledger.add_argument(
        "--within",
        type=float,
        default=PATIENCE_SECONDS,
        metavar="SECONDS",
        help="how long they may take to (%(default)g)",
    )
    resume = commands.add_parser("resume", help="carry a parked order on")
    resume.add_argument("order", metavar="orders/ID")
    calling = commands.add_parser("call", help="call a method")
    calling.add_argument("method", metavar="PACKAGE.SERVICE/METHOD")
    calling.add_argument("request", metavar="JSON", nargs="?", default="{}")
    return parser.parse_args(words)


async def prove(runtime: Runtime, patience: float) -> int:
    """Print whether the books balance, and what offends."""
    topics = Topics(runtime.kafka) if runtime.kafka else None
    services = Services(cache(runtime.channel), topics)
    inquiry, results = await Ledger(services.read, patience).prove(runtime.background())
    sys.stdout.write(report(inquiry, results) + "\n")
    return FAILS if any(result.offences for result in results) else HOLDS


async def make_call(runtime: Runtime, name: str, request: str) -> int:
    """Print a method's responses."""
    method = find(name)
    async for line in call(runtime.channel, method, read_request(method, request)):
        sys.stdout.write(line + "\n")
    return HOLDS


async def operate(runtime: Runtime, asked: argparse.Namespace) -> int:
    """Do what is asked for; what goes wrong is one line on standard error."""
    try:
        if asked.command == "ledger":
            return await prove(runtime, asked.within)
        if asked.command == "resume":
            return await make_call(runtime, RESUME, json.dumps({"name": asked.order}))
        return await make_call(runtime, asked.method, asked.request)
    except grpc.aio.AioRpcError as error:
        sys.stderr.write(f"{told(error)}\n")
        return FAILS
    except (BadCallError, KafkaException, MalformedRecordError) as error:
        sys.stderr.write(f"operator: {error}\n")
        return UNUSABLE


def main() -> None:
    """Do one job."""
    asked = parse(sys.argv[1:])
    run_job("operator", lambda runtime: operate(runtime, asked))


if __name__ == "__main__":
    main()
