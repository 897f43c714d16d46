"""Envoy's filter for tokens: which ones a proxy accepts, and what it makes of their claims."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mesh.local.why.matchers import Json, match_string, unsupported
from mesh.local.why.request import Request


def verify(config: Json, request: Request) -> Request | None:
    """Return the call as the filter passes it on, with the claims of a token that it accepts; None if it refuses it."""
    for rule in config.get("rules", []):
        if _match_path(rule["match"], request.path):
            return _verify(config["providers"], rule["requires"], request) if "requires" in rule else request
    return request


def _match_path(match: Json, path: str) -> bool:
    if "prefix" in match:
        return path.startswith(match["prefix"])
    if "path" in match:
        return bool(path == match["path"])
    if "safe_regex" in match:
        return match_string(match, path)
    raise unsupported("a rule for tokens", match)


def _verify(providers: Json, requirement: Json, request: Request) -> Request | None:
    if "requirements" in (either := requirement.get("requires_any", {})):
        results = (_verify(providers, each, request) for each in either["requirements"])
        return next((result for result in results if result), None)
    if "requirements" in (every := requirement.get("requires_all", {})):
        result: Request | None = request
        for each in every["requirements"]:
            result = _verify(providers, each, result) if result else None
        return result
    if "allow_missing_or_failed" in requirement:
        return request
    if "allow_missing" in requirement:
        return request if request.token is None else None
    if "provider_name" in requirement:
        return _accept(providers[requirement["provider_name"]], request)
    raise unsupported("a requirement for tokens", requirement)


def _accept(provider: Json, request: Request) -> Request | None:
    if request.token is None or not _is_accepted(provider, request.token):
        return None
    headers = {
        each["header_name"]: str(request.token[each["claim_name"]])
        for each in provider.get("claim_to_headers", [])
        if each["claim_name"] in request.token
    }
    return replace(
        request,
        claims=request.token if "payload_in_metadata" in provider else request.claims,
        token=request.token if provider.get("forward") else None,
        extra_headers={**request.extra_headers, **headers},
    )


def _is_accepted(provider: Json, token: Mapping[str, Any]) -> bool:
    """Return whether a provider accepts a valid token. It is sent as `authorization: Bearer`."""
    sources = provider.get("from_headers", [])
    if (sources or "from_params" in provider) and not any(each["name"].lower() == "authorization" for each in sources):
        return False
    audiences = token.get("aud", [])
    audiences = {audiences} if isinstance(audiences, str) else set(audiences)
    accepted = set(provider.get("audiences", []))
    return provider.get("issuer", token.get("iss")) == token.get("iss") and (not accepted or bool(accepted & audiences))
