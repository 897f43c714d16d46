"""What to do instead of a change that breaks somebody, by the kind of change."""

import re

from tools.breaking.findings import Finding

DELETE = "keep it, marked `deprecated = true`; when nobody sends, reads or stores it, delete it and {reserve}"
FIELD = "add a field beside it, fill both, and mark this one `deprecated = true` until nobody reads it"
METHOD = "add a method beside it, and mark this one `deprecated = true` until nobody calls it"
PACKAGE = "keep it until nobody uses it; what is to be another stands beside it, in the package {next}"
NAME = "keep the name, and say in its comment what it means now; or "
RESERVED = "leave it reserved: what was stored or sent before has it still, and means something else"
ADVICE = {
    "AUDIENCE": "add a method beside it that asks for more, and close this one when no call of it comes",
    "ENUM_NO_DELETE": PACKAGE,
    "ENUM_VALUE_NO_DELETE": DELETE,
    "ENUM_VALUE_SAME_NAME": f"{NAME}add a value of another number beside it",
    "FIELD_NO_DELETE": DELETE,
    "FIELD_RENUMBERED": "give it the number {number} again: a field is known by its number",
    "FIELD_SAME_CARDINALITY": FIELD,
    "FIELD_SAME_NAME": f"{NAME}{FIELD}",
    "FIELD_SAME_ONEOF": FIELD,
    "FIELD_SAME_TYPE": FIELD,
    "FILE_NO_DELETE": "leave what it holds in it: code imports it by its file",
    "FILE_SAME_PACKAGE": PACKAGE,
    "HTTP": "keep the path that it had, and add the new one to its `additional_bindings`",
    "IDEMPOTENCY": f"keep the promise, by its request_id; for what cannot be done twice, {METHOD}",
    "MESSAGE_NO_DELETE": PACKAGE,
    "PACKAGE_NO_DELETE": PACKAGE,
    "REQUIRED": "let it be left out, and have that mean what a request without it has meant so far",
    "RESERVED_ENUM_NO_DELETE": RESERVED,
    "RESERVED_MESSAGE_NO_DELETE": RESERVED,
    "RPC_NO_DELETE": "keep it, marked `deprecated = true`, until no service.yaml names it and no call comes",
    "RPC_SAME_CLIENT_STREAMING": METHOD,
    "RPC_SAME_REQUEST_TYPE": METHOD,
    "RPC_SAME_RESPONSE_TYPE": METHOD,
    "RPC_SAME_SERVER_STREAMING": METHOD,
    "RULE": "take what was valid so far; a field or a method beside it may be stricter",
    "SERVICE_NO_DELETE": PACKAGE,
    "TIMEOUT": "leave the time; a caller that is in a hurry sets a deadline of its own",
}
OTHERWISE = "leave it as it is"


def instead(finding: Finding) -> str:
    """Say what to do instead."""
    element = finding.element
    number = getattr(element.proto, "number", "") if element else ""
    return ADVICE.get(finding.rule, OTHERWISE).format(
        number=number,
        reserve=f'write `reserved {number}; reserved "{element.proto.name}";`' if element else "",
        next=re.sub(r"\.v(\d+)\b.*", lambda version: f".v{int(version[1]) + 1}", finding.subject.replace("/", ".")),
    )
