"""Alternatives to breaking changes, by rule."""

import re

from tools.breaking.findings import Finding

DELETE = "keep it, marked `deprecated = true`; when no program sends, reads or stores it, delete it and {reserve}"
FIELD = "add a second field, fill both, and mark this one `deprecated = true` until no program reads it"
METHOD = "add a second method, and mark this one `deprecated = true` until no program calls it"
PACKAGE = "keep it until no program uses it, and add the new version in the package {next}"
NAME = "keep the name, and describe the new meaning in its comment; or "
DEFAULT_ADVICE = "leave it unchanged"
RESERVED = "keep it reserved: stored and sent messages still contain it with its old meaning"
ADVICE = {
    "CALLERS": "admit the old callers too, until none of them is left",
    "CALL_NO_DELETE": "keep the declaration until no program of an older release makes the call",
    "EMITS_NO_DELETE": "emit the event until no service consumes it",
    "AUDIENCE": "add a second method with the stricter audience, and remove this one when it gets no more calls",
    "ENUM_NO_DELETE": PACKAGE,
    "ENUM_SAME_JSON_FORMAT": DEFAULT_ADVICE,
    "ENUM_VALUE_NO_DELETE": DELETE,
    "ENUM_VALUE_SAME_NAME": f"{NAME}add a value with another number",
    "FIELD_BEHAVIOR": FIELD,
    "FIELD_NO_DELETE": DELETE,
    "FIELD_RENUMBERED": "use the number {number} again: the number identifies a field",
    "FIELD_SAME_CARDINALITY": FIELD,
    "FIELD_SAME_NAME": f"{NAME}{FIELD}",
    "FIELD_SAME_ONEOF": FIELD,
    "FIELD_SAME_TYPE": FIELD,
    "FILE_NO_DELETE": "leave its content in this file: code imports it by file",
    "FILE_SAME_PACKAGE": PACKAGE,
    "HTTP": "keep the old path, and add the new one to its `additional_bindings`",
    "IDEMPOTENCY": f"keep the promise with a request_id; if the call cannot be repeated, {METHOD}",
    "LIMIT": "keep the limit, or give the callers that need more calls another method",
    "MESSAGE_NO_DELETE": PACKAGE,
    "OBJECTIVE": "keep the objective, and the alerts that show what must be repaired; or agree on it with the callers",
    "ONEOF_NO_DELETE": "keep the name: it is used in code only, and a comment can describe the new meaning",
    "OWNS_NO_DELETE": "keep the resource until no program of an older release reads or stores it",
    "PACKAGE_NO_DELETE": PACKAGE,
    "PORT": "serve both ports until no program of an older release is left",
    "RATE_LIMIT": "keep the limit, or add a cheaper method first",
    "REDACT": "keep it redacted: logs cannot be corrected later",
    "REQUIRED": "make it optional, so that a request without it keeps its meaning",
    "RESERVED_ENUM_NO_DELETE": RESERVED,
    "RESERVED_MESSAGE_NO_DELETE": RESERVED,
    "RESOURCE": "keep type and pattern; a resource may get a further pattern, behind the others",
    "RETRIES": "keep the retries, or make the callers handle the failures first",
    "RPC_NO_DELETE": "keep it, marked `deprecated = true`, until no service.yaml names it and it gets no more calls",
    "RPC_SAME_CLIENT_STREAMING": METHOD,
    "RPC_SAME_REQUEST_TYPE": METHOD,
    "RPC_SAME_RESPONSE_TYPE": METHOD,
    "RPC_SAME_SERVER_STREAMING": METHOD,
    "RULE": "accept what was valid so far; a new field or method may be stricter",
    "RULE_UNDECIDED": "simplify the rule so that the check can decide it, or add a waiver with the reason",
    "SERVES_NO_DELETE": "serve it in both services until no program of an older release calls this one",
    "SERVICE_NO_DELETE": PACKAGE,
    "SERVICE_SAME_NAME": "keep the name; or add a second service, and remove this one when it gets no more calls",
    "TIMEOUT": "keep the timeout; callers can set a shorter deadline themselves",
    "TRANSCODING": "keep the option: callers parse what the gateway writes",
}


def advice_for(finding: Finding) -> str:
    """Return the alternative to a breaking change."""
    element = finding.element
    number = getattr(element.proto, "number", "") if element else ""
    return ADVICE.get(finding.rule, DEFAULT_ADVICE).format(
        number=number,
        reserve=f'write `reserved {number}; reserved "{element.proto.name}";`' if element else "",
        next=re.sub(r"\.v(\d+)\b.*", lambda version: f".v{int(version[1]) + 1}", finding.subject.replace("/", ".")),
    )
