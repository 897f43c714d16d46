"""Envoy's matchers of strings, headers, addresses and metadata (envoy.type.matcher.v3, HeaderMatcher, CidrRange)."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from mesh.local.errors import MeshError

Json = Any
STRINGS: Mapping[str, Callable[[str, str], bool]] = {
    "exact": lambda pattern, text: text == pattern,
    "prefix": lambda pattern, text: text.startswith(pattern),
    "suffix": lambda pattern, text: text.endswith(pattern),
    "contains": lambda pattern, text: pattern in text,
}
IN_TEMPLATE = {"*": "[^/]+", "**": ".*"}
"""Wildcard of a path template → regular expression."""


def unsupported(what: str, value: Json) -> MeshError:
    """Return the error for a part of Envoy's configuration that this package does not evaluate."""
    return MeshError(f"cannot evaluate {what} of a proxy", why=f"it is not part of Istio's API: {value}")


def match_string(matcher: Json, text: str) -> bool:
    """Return whether a StringMatcher matches."""
    if "safe_regex" in matcher:
        return re.fullmatch(matcher["safe_regex"]["regex"], text, re.DOTALL) is not None
    ignore_case = matcher.get("ignore_case", False)
    for kind, pattern in matcher.items():
        if kind in STRINGS:
            return STRINGS[kind](pattern.lower(), text.lower()) if ignore_case else STRINGS[kind](pattern, text)
    raise unsupported("a StringMatcher", matcher)


def match_header(matcher: Json, headers: Mapping[str, str]) -> bool:
    """Return whether a HeaderMatcher matches. A header that is missing matches nothing but its absence."""
    value = headers.get(matcher["name"].lower())
    inverted = bool(matcher.get("invert_match"))
    if "string_match" not in matcher:  # presence, also of a matcher with a name alone
        return ((value is not None) == bool(matcher.get("present_match", True))) != inverted
    if value is None:
        if not matcher.get("treat_missing_header_as_empty", False):
            return False
        value = ""
    return match_string(matcher["string_match"], value) != inverted


def match_address(cidr: Json, address: str) -> bool:
    """Return whether an address is in a CidrRange."""
    network = ip_network(f"{cidr['address_prefix']}/{cidr.get('prefix_len', 0)}", strict=False)
    return ip_address(address) in network


def match_template(template: str, path: str) -> bool:
    """Return whether a path matches a template with the wildcards * and **, which Istio writes as {*} and {**}."""
    parts = re.split(r"(\*\*?)", template)
    return re.fullmatch("".join(IN_TEMPLATE.get(part) or re.escape(part) for part in parts), path) is not None


def match_metadata(matcher: Json, metadata: Mapping[str, Json]) -> bool:
    """Return whether a MetadataMatcher matches what a filter knows about the call, such as the claims of its token."""
    value: Json = metadata.get(matcher["filter"])
    for segment in matcher["path"]:
        value = value.get(segment["key"]) if isinstance(value, Mapping) else None
    return _match_value(matcher["value"], value) != bool(matcher.get("invert"))


def _match_value(matcher: Json, value: Json) -> bool:
    [(kind, pattern)] = matcher.items()
    match kind:
        case "string_match":
            return isinstance(value, str) and match_string(pattern, value)
        case "list_match":
            return isinstance(value, list) and any(_match_value(pattern["one_of"], each) for each in value)
        case "or_match":
            return any(_match_value(each, value) for each in pattern["value_matchers"])
        case "present_match":
            return (value is not None) is bool(pattern)
        case _:
            raise unsupported("a ValueMatcher", matcher)
