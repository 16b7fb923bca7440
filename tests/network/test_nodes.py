"""The nodes and the wire: host names under one mpirun, latency, rate, a cut, and nothing that is left behind."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from common.machine import process_exists
from tests.network.nodes import REPOSITORY, Cluster, why_not

LATENCY_S, MBIT = 0.02, 8
SERVER = """
import socket, sys
count, size = map(int, sys.argv[1:])
with socket.create_server(("", 5000)) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    for _ in range(count):
        connection.recv(size, socket.MSG_WAITALL)
        connection.sendall(b"!")
"""
CLIENT = """
import socket, sys, time
address, count, size = sys.argv[1], *map(int, sys.argv[2:])
connection = socket.create_connection((address, 5000), timeout=3)
started = time.monotonic()
for _ in range(count):
    connection.sendall(bytes(size))
    connection.recv(1)
print(time.monotonic() - started)
"""


@pytest.fixture(scope="module", autouse=True)
def require_nodes() -> None:
    if reason := why_not():
        pytest.skip(f"no network namespaces as nodes: {reason}")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(2, LATENCY_S * 1e3, MBIT) as cluster:
        yield cluster


def send(cluster: Cluster, count: int, size: int) -> float | str:
    """Send `count` messages of `size` bytes from node 1 to node 0, each after the answer to the last one.

    Returns:
        The seconds of all, or the error of the sender.
    """
    server, client = cluster.nodes[:2]
    arguments = [str(count), str(size)]
    with subprocess.Popen(
        [*server.enter(), sys.executable, "-c", SERVER, *arguments], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        command = [*client.enter(), sys.executable, "-c", CLIENT, server.address, *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        server.kill()
    return done.stderr.splitlines()[-1] if done.returncode else float(done.stdout)


def test_one_mpirun_starts_ranks_on_all_nodes() -> None:
    with Cluster(3) as cluster:
        command = [*cluster.mpirun(2), "sh", "-c", "echo $(hostname) $OMPI_COMM_WORLD_LOCAL_RANK"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [f"node{node} {rank}" for node in range(3) for rank in range(2)]


def test_the_wire_has_a_latency(cluster: Cluster) -> None:
    assert 10 * 2 * LATENCY_S <= send(cluster, count=10, size=1) < 20 * 2 * LATENCY_S


def test_the_wire_has_a_rate(cluster: Cluster) -> None:
    size = 1_000_000
    assert 8 * size / (MBIT * 1e6) <= send(cluster, count=1, size=size) < 2 * 8 * size / (MBIT * 1e6)


def test_a_short_message_does_not_wait_behind_a_long_one_to_another_node() -> None:
    """2 Mbit/s: TCP lets more than 100 ms of the long one wait in its node; a packet of it lasts 36 ms."""
    flood = "import socket; socket.create_connection(('{}', 5000)).sendall(bytes(10**7))"
    with Cluster(3, LATENCY_S * 1e3, mbit=2) as cluster:
        _, sender, third = cluster.nodes
        with subprocess.Popen(
            [*third.enter(), sys.executable, "-c", SERVER, "1", str(10**7)], stdout=subprocess.PIPE
        ) as long:
            long.stdout.readline()
            busy = subprocess.Popen([*sender.enter(), sys.executable, "-c", flood.format(third.address)])
            time.sleep(1)
            took = send(cluster, count=5, size=1)
            third.kill()
        busy.kill()
        busy.wait()
    assert isinstance(took, float) and took < 5 * (2 * LATENCY_S + 0.08)


def test_a_cut_node_hears_nothing_until_it_is_mended(cluster: Cluster) -> None:
    cluster.cut(1)
    assert send(cluster, count=1, size=1) == "TimeoutError: timed out"
    cluster.mend(1)
    assert send(cluster, count=1, size=1) > 0


@pytest.mark.parametrize(
    ("end", "code"),
    [("raise ValueError", 1), ("os.kill(os.getpid(), SIGKILL)", -9), ("os.killpg(0, SIGTERM)", -15)],
)
def test_nothing_is_left_behind(end: str, code: int) -> None:
    """After an error in the block, after SIGKILL, which lets nobody clean up, and after a signal to the group, as of `timeout`."""
    program = f"""
import os, subprocess
from signal import SIGKILL, SIGTERM
from tests.network.nodes import Cluster
with Cluster(2) as cluster:
    rank = [*cluster.nodes[1].enter(), "sh", "-c", "echo started; exec sleep 10"]
    running = subprocess.Popen(rank, stdout=subprocess.PIPE, start_new_session=True)  # as mpirun starts ranks
    running.stdout.readline()
    print(running.pid, *[node.pid for node in cluster.nodes], flush=True)
    {end}
"""
    devices = set(os.listdir("/sys/class/net"))
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, start_new_session=True)
    assert done.returncode == code
    latest = time.monotonic() + 5
    while any(process_exists(int(pid)) for pid in done.stdout.split()):  # they end a moment after the program
        assert time.monotonic() < latest
        time.sleep(0.05)
    assert set(os.listdir("/sys/class/net")) <= devices
