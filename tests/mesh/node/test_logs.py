"""`kubectl logs`, with every option."""

import re
from datetime import UTC, datetime

from tests.mesh.node.pods import NAMESPACE, Node, container, pod
from tests.support.clock import eventually

LINE = re.compile(r"(?m)^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (.*)$")


async def test_logs_of_a_container_that_has_ended(node: Node) -> None:
    await node.apply(pod("ended", container("printf 'one\\ntwo\\nthree\\n'; echo error >&2; printf end")))
    await node.wait("ended")
    assert await node.logs("ended") == "one\ntwo\nthree\nerror\nend"
    assert await node.logs("ended", "--tail=2") == "error\nend"
    assert await node.logs("ended", "--tail=0") == ""
    assert await node.logs("ended", "--tail=99") == "one\ntwo\nthree\nerror\nend"
    assert await node.logs("ended", "--limit-bytes=5") == "one\nt"
    assert await node.logs("ended", "-f") == "one\ntwo\nthree\nerror\nend"
    assert await node.logs("ended", "--prefix", "--tail=1") == "[pod/ended/main] end"


async def test_times(node: Node) -> None:
    """A time is at most a fifth of a second after the line was written."""
    script = "echo first; until [ -e go ]; do sleep 0.1; done; echo second; echo third; exec sleep 300"
    await node.apply(pod("times", container(script)))
    await node.wait_for_log("times", "first")
    async for attempt in eventually():
        with attempt:
            ((first, text),) = LINE.findall(await node.logs("times", "--timestamps"))
            assert text == "first"
    async for attempt in eventually():  # --since-time has whole seconds
        with attempt:
            between = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            assert between[:-1] > first[: len(between) - 1]
    (node.mesh.home / "pods" / (await node.get("times"))["metadata"]["uid"] / "go").touch()
    await node.wait_for_log("times", "third")
    lines = LINE.findall(await node.logs("times", "--timestamps"))
    assert [text for _, text in lines] == ["first", "second", "third"]
    assert lines[0][0] == first, "times do not change"
    assert first < lines[1][0] <= lines[2][0]
    assert await node.logs("times", f"--since-time={between}") == "second\nthird\n"
    assert await node.logs("times", "--since=1h") == "first\nsecond\nthird\n"
    assert await node.logs("times", "--since-time=2999-01-01T00:00:00Z") == ""
    assert LINE.findall(await node.logs("times", "--timestamps", "--tail=1"))[0][1] == "third"
    limited = await node.logs("times", "--timestamps", "--limit-bytes=20")
    assert limited == f"{first} "[:20]


async def test_previous(node: Node) -> None:
    script = "if [ -e again ]; then echo two; exec sleep 300; fi; touch again; echo one; exit 3"
    await node.apply(pod("previous", container(script), restartPolicy="OnFailure"))
    await node.wait_for_log("previous", "two")
    assert await node.logs("previous", "--previous") == "one\n"
    assert (await node.status("previous"))["lastState"]["terminated"]["exitCode"] == 3


async def test_previous_of_a_container_that_ran_once(node: Node) -> None:
    await node.apply(pod("once", container("echo one")))
    await node.wait("once")
    assert 'previous terminated container "main" in pod "once" not found' in await node.fails(
        "logs", "--previous", "once"
    )


async def test_logs_while_a_container_is_in_its_back_off(node: Node) -> None:
    await node.apply(pod("crashes", container("echo crash; exit 1"), restartPolicy="Always"))
    await node.wait_for_state("crashes", "CrashLoopBackOff")
    assert await node.logs("crashes") == "crash\n"
    assert await node.logs("crashes", "--previous") == "crash\n"


async def test_logs_of_a_container_that_never_started(node: Node) -> None:
    await node.apply(pod("waits", container("true", image="unknown:1")))
    await node.wait_for_state("waits", "ErrImageNeverPull")
    message = 'container "main" in pod "waits" is waiting to start: ErrImageNeverPull'
    assert message in await node.fails("logs", "waits")
    assert "container other is not valid for pod waits" in await node.fails("logs", "waits", "-c", "other")


async def test_init_containers_and_all_containers(node: Node) -> None:
    main = [container("echo main"), container("echo side", name="side")]
    await node.apply(pod("many", *main, initContainers=[container("echo init", name="init")]))
    await node.wait("many")
    assert await node.logs("many", "-c", "init") == "init\n"
    assert sorted((await node.logs("many", "--all-containers")).split()) == ["init", "main", "side"]


async def test_follow_ends_with_the_container(node: Node) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done"
    await node.apply(pod("follow", container(script)))
    await node.wait_for_log("follow", "1")
    assert (await node.logs("follow", "-f", "--tail=99")).split() == [*"12345678"]


async def test_the_old_half_of_a_long_log_is_dropped_and_no_new_line_is_lost(node: Node) -> None:
    """While it is trimmed it grows: each line has a number, and the numbers that are left have no gap."""
    lines = "seq $((i*20000+1000000)) $((i*20000+1019999)) | sed 's/$/ 0123456789012345678/'"
    script = f"i=0; while [ $i -lt 60 ]; do {lines}; i=$((i+1)); sleep 0.05; done; echo end"
    await node.apply(pod("long", container(script)))
    await node.wait("long")
    async for attempt in eventually(60, every=1):
        with attempt:
            kept = (await node.logs("long")).splitlines()
            assert len(kept) < 1_000_000
    numbers = [int(line.split()[0]) for line in kept[:-1]]
    assert numbers == [*range(numbers[0], 2_200_000)]
    assert kept[-1] == "end"
    assert (await node.logs("long", "--tail=1", "--timestamps")).endswith(" end\n")


async def test_a_log_collector_finds_the_logs_where_a_kubelet_has_them(node: Node) -> None:
    folder = node.mesh.home / "node/var/log/pods"
    await node.apply(pod("shown", container("echo one; exec sleep 300")))
    await node.wait_for_log("shown", "one")
    uid = (await node.get("shown"))["metadata"]["uid"]
    shown = folder / f"{NAMESPACE}_shown_{uid}"
    assert (shown / "main/0.log").read_text() == "one\n"
    assert "node-agent" in {path.name.split("_")[1] for path in folder.iterdir()}, "the agent's own log is there, too"

    await node.kubectl("delete", "pod", "shown", "--now")
    await node.gone("shown")
    # A link is removed at the latest when the next Pod starts.
    await node.apply(pod("next", container("echo two; exec sleep 300")))
    await node.wait_for_log("next", "two")
    assert not shown.is_symlink()
