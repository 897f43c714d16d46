"""What the benchmark counts as the processor time of a server that has other processes."""

import subprocess
import sys

import psutil

from bench.usage import server_cpu_nanoseconds

# A server whose first process waits while another one works. It prints how long that one has worked.
WORK = """
import sys, time
while time.process_time() < 0.2: pass
print(time.process_time_ns(), flush=True)
sys.stdin.read()
"""
SERVER = f"""
import subprocess, sys
for _ in sys.stdin:
    worker = subprocess.Popen([sys.executable, "-c", {WORK!r}], stdin=subprocess.PIPE)
    sys.stdin.readline()
    worker.communicate()
    print("ended", flush=True)
"""
# The kernel counts the time of processes that have ended in clock ticks.
TICKS_NANOSECONDS = 20_000_000


def test_the_time_of_a_server_includes_its_other_processes_even_when_they_have_ended() -> None:
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as popen:
        assert popen.stdin is not None
        assert popen.stdout is not None
        server = psutil.Process(popen.pid)
        before = server_cpu_nanoseconds(server)
        print("work", file=popen.stdin, flush=True)
        worked = int(popen.stdout.readline())
        during = server_cpu_nanoseconds(server)
        print("wait", file=popen.stdin, flush=True)
        assert popen.stdout.readline() == "ended\n"
        after = server_cpu_nanoseconds(server)
        popen.stdin.close()
    assert worked >= 200_000_000
    assert during - before >= worked
    assert after - before >= worked - TICKS_NANOSECONDS
