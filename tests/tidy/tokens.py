"""Several files contain the issuer, the audience and the key address of tokens, and all of them agree."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.tidy.manifests import BASE, Manifest, manifests
from tests.tidy.tree import Tree

RULES = f"{BASE}/tokens.yaml"
SIGNER, GENERATED = "services/identity/__main__.py", "buf.gen.yaml"


def tokens(tree: Tree) -> Iterator[str]:
    """Yield each difference from the RequestAuthentication: in the signer, the generator's options, the EnvoyFilter.

    Istio's filter removes the headers that it outputs. It runs after the EnvoyFilter's, whose headers would be lost.
    """
    [rule] = [
        rule
        for _, manifest in manifests(tree, BASE, kind="RequestAuthentication")
        for rule in manifest["spec"]["jwtRules"]
    ]
    if "outputClaimToHeaders" in rule:
        yield f"{RULES}: only the EnvoyFilter may output claims to headers"
    issuer, [audience] = rule["issuer"], rule["audiences"]
    for name, value in (("ISSUER", issuer), ("AUDIENCE", audience)):
        if f'runtime.setting("{name}", "{value}")' not in tree.text(SIGNER):
            yield f"{SIGNER}: {name} is not {value}, as in {RULES}"
    if not re.search(rf"^ +- issuer={re.escape(issuer)}$", tree.text(GENERATED), re.MULTILINE):
        yield f"{GENERATED}: the issuer is not {issuer}, as in {RULES}"
    for _, manifest in manifests(tree, BASE, kind="EnvoyFilter"):
        for patch in manifest["spec"]["configPatches"]:
            for provider in patch["patch"]["value"].get("typed_config", {}).get("providers", {}).values():
                actual = provider | {"remote_jwks": {"http_uri": provider["remote_jwks"]["http_uri"]}}
                yield from (
                    f"{RULES}: {key} of the EnvoyFilter is not {value}, as in the RequestAuthentication"
                    for key, value in _provider(rule).items()
                    if actual.get(key) != value
                )


def _provider(rule: Manifest) -> Manifest:
    """Convert a rule to Envoy's settings, as istiod does."""
    uri = urlsplit(rule["jwksUri"])
    cluster = f"outbound|{uri.port}||{uri.hostname}"
    return {
        "issuer": rule["issuer"],
        "audiences": rule["audiences"],
        "from_headers": [{"name": head["name"], "value_prefix": head["prefix"]} for head in rule["fromHeaders"]],
        "remote_jwks": {"http_uri": {"uri": rule["jwksUri"], "cluster": cluster, "timeout": "5s"}},
    }
