"""Finds the caller and the method that the user names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from mesh.local.clients.kubectl import NAMESPACE
from mesh.local.clients.users import CUSTOMER
from mesh.local.errors import MeshError
from mesh.local.matrix.callers import ANONYMOUS, USER, Caller, callers
from mesh.local.matrix.declared import Method, Service
from mesh.local.why.live import Live

ROLE, POD = "role/", "pod/"
CALLERS = "anonymous, user, a role, a service, stranger, pod/NAME, role/NAME, or [NAMESPACE/]SERVICEACCOUNT"


@dataclass(frozen=True)
class Subject:
    """Who calls."""

    name: str
    claims: Mapping[str, Any] | None = None
    """The claims of the token of a caller outside."""
    role: str = ""
    """The role of a caller outside, besides that of every user."""
    account: str = ""
    """ "<namespace>/<name>" of the ServiceAccount; empty outside of the mesh."""
    pod: str = ""
    """The Pod that calls, if the user has named one."""

    @property
    def is_inside(self) -> bool:
        """Whether it is a workload of the mesh. All others call through the gateway."""
        return bool(self.account)

    @property
    def declared(self) -> Caller:
        """The caller as contracts and declarations know it."""
        namespace, _, account = self.account.partition("/")
        inside = account if namespace == NAMESPACE else self.account
        return Caller(inside or self.name, self.is_inside, logged_in=self.claims is not None, role=self.role)


def find_method(name: str, methods: Sequence[Method]) -> Method:
    """Return the method with a name: complete, or from the end as far as it is unambiguous.

    Raises:
        MeshError: there is none, or several.
    """
    text = name.lstrip("/")
    for method in methods:
        if method.name == text:
            return method
    found = [method for method in methods if _ends(method.name, text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise MeshError(
            f"{name} is ambiguous: {', '.join(method.name for method in found)}", fix="write more of the name"
        )
    short = {method.name.rpartition("/")[2]: method.name for method in methods}
    raise MeshError(f"there is no method {name}", fix=_nearest(text.rpartition("/")[2], short))


def _ends(full: str, ending: str) -> bool:
    """Return whether a name ends with the words of another one: "OrdersService/PlaceOrder", or "PlaceOrder"."""
    words, last = full.replace("/", ".").split("."), ending.replace("/", ".").split(".")
    return words[-len(last) :] == last


def find_subject(name: str, live: Live, methods: Sequence[Method], services: Sequence[Service]) -> Subject:
    """Return the caller with a name: one of `mesh matrix`, a Pod, or a ServiceAccount.

    Raises:
        MeshError: there is none.
    """
    known = {caller.name: caller for caller in callers(methods, services)}
    if name in known:
        return of_caller(known[name], live)
    if name.startswith(ROLE):
        return of_caller(Caller(name.removeprefix(ROLE), inside=False, logged_in=True, role=name[len(ROLE) :]), live)
    if name.startswith(POD):
        return _of_pod(name.removeprefix(POD), live)
    accounts = [f"{each['namespace']}/{each['name']}" for each in _metadata(live, "ServiceAccount")]
    account = name if "/" in name else f"{NAMESPACE}/{name}"
    if account in accounts:
        return Subject(name, account=account)
    shop = [each.partition("/")[2] for each in accounts if each.startswith(f"{NAMESPACE}/")]
    nearest = _nearest(name, {each: each for each in [*known, *shop, *accounts]})
    raise MeshError(f"there is no caller {name}", why=f"a caller is {CALLERS}", fix=nearest)


def of_caller(caller: Caller, live: Live) -> Subject:
    """Return a caller of the matrix."""
    if caller.inside:
        return Subject(caller.name, account=f"{NAMESPACE}/{caller.name}")
    claims = live.token_claims(caller.role, CUSTOMER) if caller.logged_in else None
    return Subject(caller.name, claims=claims, role=caller.role)


def _of_pod(name: str, live: Live) -> Subject:
    for pod in live.objects("Pod"):
        if pod["metadata"]["name"] == name:
            account = pod["spec"].get("serviceAccountName", "default")
            return Subject(f"{POD}{name}", account=f"{pod['metadata']['namespace']}/{account}", pod=name)
    names = {each["name"]: POD + each["name"] for each in _metadata(live, "Pod")}
    raise MeshError(f"there is no Pod {name}", fix=_nearest(name, names))


def _metadata(live: Live, kind: str) -> Iterable[Any]:
    return (each["metadata"] for each in live.objects(kind))


def _nearest(name: str, candidates: Mapping[str, str]) -> str:
    """Return advice that names the candidates that look like a name."""
    lower = {each.lower(): full for each, full in candidates.items()}
    found = [lower[each] for each in get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    return f"did you mean {' or '.join(found)}?" if found else "`mesh matrix` lists all callers and methods"


__all__ = ["ANONYMOUS", "USER", "Subject", "find_method", "find_subject", "of_caller"]
