"""Changes of service.yaml that take something from programs of the older state, which are still running."""

from collections.abc import Iterator

from tools.breaking.findings import Finding, Level
from tools.breaking.sources import State
from tools.protoc_gen_istio.declarations import FILE, Declaration


def compare(older: State, newer: State) -> Iterator[Finding]:
    """Yield what the declarations no longer contain, as long as the contracts still have it."""
    now = {each.service: each for each in newer.declared}
    servers, emitters, owners = (
        {name: each.service for each in newer.declared for name in getattr(each, key)}
        for key in ("serves", "emits", "owns")
    )
    elements = newer.image.elements
    types = {name for element in newer.image.of_kind("message") for name in _types(newer, element.name)}
    for was in older.declared:
        after = now.get(was.service)
        serves = [name for name in was.serves if name in elements]
        if after is None:
            if serves or not was.serves:
                yield _renamed(was, servers, older)
            continue
        calls = {call.method for call in after.calls}
        for call in was.calls:
            if call.method not in calls and call.method in elements:
                yield _finding("CALL_NO_DELETE", was, f"calls/{call.method}", CALL)
        for name in (name for name in serves if name not in after.serves):
            text = f"It no longer serves it{_other(servers.get(name))}. Programs of the older state call it there."
            yield _finding("SERVES_NO_DELETE", was, f"serves/{name}", text, _methods(older, name))
        for name in (name for name in was.emits if name not in after.emits and name in elements):
            text = f"It no longer emits the event{_other(emitters.get(name))}. Its consumers wait for it in vain."
            yield _finding("EMITS_NO_DELETE", was, f"emits/{name}", text, frozenset({name}))
        for name in (name for name in was.owns if name not in after.owns and name in types):
            text = f"It no longer owns the resource{_other(owners.get(name))}, and may lose access to its database."
            yield _finding("OWNS_NO_DELETE", was, f"owns/{name}", text)


CALL = "It no longer declares the call. The mesh denies it, also to programs of the older state, which still make it."


def _renamed(was: Declaration, servers: dict[str, str], older: State) -> Finding:
    names = sorted({servers[name] for name in was.serves if name in servers})
    what = f"The service is now called {' and '.join(names)}" if names else "The service is removed"
    text = f"{what}. Its host name, its identity and the permissions of its running programs are gone."
    return _finding("SERVICE_SAME_NAME", was, "", text, _methods(older, *was.serves))


def _other(service: str | None) -> str:
    return f", {service} does" if service else ""


def _methods(state: State, *services: str) -> frozenset[str]:
    return frozenset(each.name for each in state.image.of_kind("method") if each.parent in services)


def _finding(
    rule: str, was: Declaration, what: str, description: str, holders: frozenset[str] = frozenset()
) -> Finding:
    usage = f"programs of the older state rely on it ({was.service}/{FILE})"
    return Finding(
        Level.POLICY,
        rule,
        f"{was.service}/{what}".rstrip("/"),
        description,
        f"services/{was.service}/{FILE}:1",
        holders,
        users=() if holders else ((was.service, usage),),
    )


def _types(state: State, message: str) -> Iterator[str]:
    resource = state.image.options(state.image.elements[message].proto.options).get("google.api.resource")
    if resource is not None:
        yield resource.type
