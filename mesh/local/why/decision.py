"""Follows a call from proxy to proxy, and records what each of them decides."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import psutil

from mesh.local.clients.kubectl import NAMESPACE
from mesh.local.errors import MeshError
from mesh.local.matrix.declared import Method
from mesh.local.why import egress
from mesh.local.why.live import PORT, Live, full_name
from mesh.local.why.matchers import Json
from mesh.local.why.names import Subject
from mesh.local.why.proxy import Chain, Proxy
from mesh.local.why.rbac import matching_rules
from mesh.local.why.request import Request
from mesh.local.why.routes import Route, find_route
from mesh.local.why.tokens import verify
from mesh.local.why.verdict import Decision, Reason, Rule, Verdict

TRUST_DOMAIN = "cluster.local"
"""Istio's default. The generated policies have it as well."""
LOOPBACK = "127.0.0.1"
CUSTOM = "istio_ext_authz_"
"""The prefix of what RBAC rules of CUSTOM policies record. They decide nothing themselves."""


@dataclass(frozen=True)
class Details:
    """What the user says about the call besides caller and method."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    address: str | None = None
    """The address of the caller."""


def decide(live: Live, subject: Subject, method: Method, details: Details | None = None) -> Decision:
    """Return what the proxies decide about a call. Raises MeshError if that cannot be known."""
    details = details or Details()
    follow = _from_inside if subject.is_inside else _from_outside
    return Decision(subject, method, tuple(follow(live, subject, method, details)))


def _from_inside(live: Live, subject: Subject, method: Method, details: Details) -> Iterator[Verdict]:
    host = f"{method.service}.{NAMESPACE}.svc.cluster.local"
    cluster = f"outbound|{PORT}||{host}"
    request = Request(method.path, details.headers.get(":authority", host), PORT, extra_headers=details.headers)
    address = details.address
    if live.is_without_proxy(subject.account, subject.pod):
        yield from _at_callee(live, None, Route((cluster,), ""), request, is_meshed=False)
        return
    proxy = live.caller(subject.account, subject.pod)
    if proxy:
        chain = proxy.outbound(PORT)
        route = find_route(proxy.route_config(chain), request) if chain else None
        address = address or _source(proxy.pod["status"]["podIP"])
    else:
        route = egress.find_route(live, subject.account, cluster, method.path)
    namespace, _, account = subject.account.partition("/")
    labels = proxy.pod["metadata"].get("labels", {}) if proxy else {"app": account}
    withheld = "" if route else egress.withholds(live, namespace, labels, host)
    yield _routed("sidecar of the caller", proxy.name if proxy else "", route, withheld)
    yield from _at_callee(
        live,
        proxy,
        route or Route((cluster,), ""),
        replace(request, principal=_spiffe(namespace, account), address=address, remote_address=address),
    )


def _from_outside(live: Live, subject: Subject, method: Method, details: Details) -> Iterator[Verdict]:
    proxy = live.gateway()
    chain = proxy.outbound()
    if chain is None:
        raise MeshError("the gateway has no listener", fix="`kubectl get gateways -n shop-ingress` shows its ports")
    address = details.address or (_source(chain.address) if ip_address(chain.address).is_loopback else None)
    request = Request(
        method.path,
        details.headers.get(":authority", f"{chain.address}:{chain.port}"),
        chain.port,
        address=address,
        remote_address=address,
        destination=chain.address,
        token=subject.claims,
        extra_headers=_accepted_headers(chain.http, details.headers),
    )
    verdicts, request = _filter("gateway", proxy, chain, request)
    yield from verdicts
    route = find_route(proxy.route_config(chain), request)
    yield _routed("gateway", proxy.name, route)
    namespace, account = proxy.namespace, proxy.pod["spec"]["serviceAccountName"]
    yield from _at_callee(
        live,
        proxy,
        route or Route((f"outbound|{PORT}||{method.service}.{NAMESPACE}.svc.cluster.local",), ""),
        replace(
            request,
            principal=_spiffe(namespace, account),
            address=_source(proxy.pod["status"]["podIP"]),
            remote_address=_forwarded(address) if address else None,
            claims=None,
        ),
    )


def _at_callee(
    live: Live, caller: Proxy | None, route: Route, request: Request, *, is_meshed: bool = True
) -> Iterator[Verdict]:
    """Yield what the callee's sidecars decide: of several, the first one that refuses the call."""
    results = []
    for cluster in route.clusters:
        port, host = int(cluster.split("|")[1]), cluster.rpartition("|")[2]
        is_tls = is_meshed and (caller is None or cluster not in caller.clusters or caller.uses_tls(cluster))
        arrived = replace(
            request,
            port=port,
            principal=request.principal if is_tls else "",
            server_name=cluster.replace("|", "_.") if is_tls else "",
        )
        place = f"sidecar of {host.partition('.')[0]}"
        for proxy in live.proxies_of_host(host):
            if chain := proxy.inbound(port, is_tls=is_tls):
                here = replace(arrived, destination=proxy.pod["status"]["podIP"])
                results.append(_filter(place, proxy, chain, here)[0])
            else:
                policies = [full_name(each) for each in live.selecting("PeerAuthentication", proxy.pod)[:1]]
                resource = f"PeerAuthentication {policies[0]}" if policies else ""
                results.append([Verdict(place, proxy.name, Reason.MTLS, resource=resource)])
    yield from next((each for each in results if not all(verdict.allowed for verdict in each)), results[0])


def _filter(place: str, proxy: Proxy, chain: Chain, request: Request) -> tuple[list[Verdict], Request]:
    """Return what the filters of a proxy decide, and the call as they pass it on."""
    verdicts = []
    for kind, config in chain.filters:
        if kind == "JwtAuthentication":
            if verified := verify(config, request):
                request = verified
            else:
                verdicts.append(Verdict(place, proxy.name, Reason.TOKEN))
        elif kind == "RBAC" and (verdict := _rbac(place, proxy, config, request)):
            verdicts.append(verdict)
    return verdicts or [Verdict(place, proxy.name, Reason.NO_POLICY)], request


def _rbac(place: str, proxy: Proxy, config: Json, request: Request) -> Verdict | None:
    """Return what an RBAC filter decides; None if it only records something, or denies nothing."""
    if config.get("shadow_rules_stat_prefix") == CUSTOM:
        if requested := matching_rules(config.get("shadow_rules", {}), request):
            policy = Rule.parse(requested[0]).policy
            raise MeshError(
                f"the CUSTOM policy {policy} decides, and it asks a program outside of the mesh",
                why=f"the {place} sends the call to the provider that the policy names",
            )
        return None
    if "rules" not in config:
        return None
    rules = config["rules"]
    matched = [Rule.parse(name) for name in matching_rules(rules, request)]
    match rules.get("action", "ALLOW"):
        case "DENY":
            return Verdict(place, proxy.name, Reason.DENY_RULE, tuple(matched)) if matched else None
        case "ALLOW" if matched:
            return Verdict(place, proxy.name, Reason.ALLOW_RULE, tuple(matched))
        case "ALLOW":
            names = (Rule.parse(name) for name in sorted(rules.get("policies", {})))
            first = {rule.policy: rule for rule in reversed([*names])}
            return Verdict(place, proxy.name, Reason.NO_ALLOW_RULE, tuple(first[name] for name in sorted(first)))
        case _:
            return None


def _routed(place: str, pod: str, route: Route | None, withheld: str = "") -> Verdict:
    if not route:
        return Verdict(place, pod, Reason.NO_ROUTE, resource=withheld)
    resource = f"VirtualService {route.virtual_service}" if route.virtual_service else ""
    return Verdict(place, pod, Reason.ROUTE, resource=resource)


def _accepted_headers(http: Json, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that the gateway does not remove at once."""
    accepted = {name: value for name, value in headers.items() if not name.startswith(":")}
    for extension in http.get("early_header_mutation_extensions", []):
        for mutation in extension["typed_config"].get("mutations", []):
            accepted.pop(mutation.get("remove", ""), None)
            if prefix := mutation.get("remove_on_match", {}).get("key_matcher", {}).get("prefix"):
                accepted = {name: value for name, value in accepted.items() if not name.startswith(prefix)}
    return accepted


def _source(address: str) -> str:
    """Return the address that a connection from a Pod comes from. Between loopback addresses, Linux takes the first."""
    return LOOPBACK if ip_address(address).is_loopback else address


def _forwarded(address: str) -> str:
    """Return the address of a client that the gateway forwards.

    For a client on the same machine, Envoy forwards the machine's first address that is not a loopback address.
    """
    if not ip_address(address).is_loopback:
        return address
    all_addresses = (each for addresses in psutil.net_if_addrs().values() for each in addresses)
    own = (each.address for each in all_addresses if each.family is socket.AF_INET)
    return next((each for each in own if not ip_address(each).is_loopback), address)


def _spiffe(namespace: str, account: str) -> str:
    return f"spiffe://{TRUST_DOMAIN}/ns/{namespace}/sa/{account}"
