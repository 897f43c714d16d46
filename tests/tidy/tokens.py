"""Whose tokens are good is one fact that stands in several files: who signs them, for whom, and where the keys are."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.tidy.manifests import BASE, Manifest, manifests
from tests.tidy.tree import Tree

RULES = f"{BASE}/tokens.yaml"
SIGNER, GENERATED = "services/identity/__main__.py", "buf.gen.yaml"


def tokens(tree: Tree) -> Iterator[str]:
    """Answer who says otherwise than the RequestAuthentication: signer, contracts' policies, Envoy's own settings."""
    [rule] = [
        rule for _, found in manifests(tree, BASE, kind="RequestAuthentication") for rule in found["spec"]["jwtRules"]
    ]
    issuer, [audience] = rule["issuer"], rule["audiences"]
    for name, value in (("ISSUER", issuer), ("AUDIENCE", audience)):
        if f'runtime.setting("{name}", "{value}")' not in tree.text(SIGNER):
            yield f"{SIGNER}: {name} is not {value}, as {RULES} has it"
    if not re.search(rf"^ +- issuer={re.escape(issuer)}$", tree.text(GENERATED), re.MULTILINE):
        yield f"{GENERATED}: the issuer is not {issuer}, as {RULES} has it"
    wanted = provider(rule)
    for _, found in manifests(tree, BASE, kind="EnvoyFilter"):
        for patch in found["spec"]["configPatches"]:
            for given in patch["patch"]["value"].get("typed_config", {}).get("providers", {}).values():
                told = given | {"remote_jwks": {"http_uri": given["remote_jwks"]["http_uri"]}}
                yield from (
                    f"{RULES}: the EnvoyFilter's {key} is not {value}, as the RequestAuthentication has it"
                    for key, value in wanted.items()
                    if told.get(key) != value
                )


def provider(rule: Manifest) -> Manifest:
    """Answer a rule as istiod writes it for Envoy."""
    uri = urlsplit(rule["jwksUri"])
    cluster = f"outbound|{uri.port}||{uri.hostname}"
    return {
        "issuer": rule["issuer"],
        "audiences": rule["audiences"],
        "from_headers": [{"name": head["name"], "value_prefix": head["prefix"]} for head in rule["fromHeaders"]],
        "claim_to_headers": [
            {"header_name": each["header"], "claim_name": each["claim"]} for each in rule["outputClaimToHeaders"]
        ],
        "remote_jwks": {"http_uri": {"uri": rule["jwksUri"], "cluster": cluster, "timeout": "5s"}},
    }
