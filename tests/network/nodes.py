"""Nodes on one machine: each has a network and a host name of its own. One `mpirun` starts ranks on all of them.

`tc` limits the rate at which a node sends. Packets to different nodes take turns, as with fq_codel, which many systems use: a short
message does not wait behind a long one to another node. Latencies are made by the wire (`tests/network/wire.py`), through which
alone the nodes reach each other.

A node is a process that waits in new namespaces (network, host name). Nodes with all that runs on them, and the wire, end with
the process that made them, also after SIGKILL, and after a signal to its whole group.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NETWORK = "198.18.0"  # RFC 2544: addresses for tests of networks
MOST_NODES = 8
TCP = "/proc/sys/net/ipv4/tcp_"
QUEUE = 20000  # packets that wait in a node until it can send them: so many that none is lost
BURST_S = 1e-3  # a node may send the packets of this time at once, because no timer is exact
MTU = 9000  # jumbo frames, as clusters use
# Lines of a shell on a node that end all other processes of its network.
END_ALL = """
own=$(readlink /proc/$$/ns/net)
for process in /proc/[0-9]*; do
    [ "$process" = /proc/$$ ] || [ "$(readlink $process/ns/net)" != "$own" ] || kill -9 "${process#/proc/}"
done 2>/dev/null
"""


def why_not() -> str | None:
    """Return why this machine cannot have nodes, or None if it can."""
    missing = [tool for tool in ("ip", "tc", "unshare", "nsenter", "mpirun") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} missing (Debian packages iproute2, util-linux, openmpi-bin)"
    if "Open MPI" not in subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout:
        return f"{shutil.which('mpirun')} is not the mpirun of Open MPI, which alone starts ranks on such nodes"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun cannot be opened (needs root, and a container that has it)"
    made = subprocess.run(["unshare", "--net", "--uts", "true"], capture_output=True, text=True)
    return f"network namespaces are not allowed: {made.stderr.strip()}" if made.returncode else None


class Node:
    """A node, and the files of its namespaces.

    Args:
        number: from 0.
        device: name of its network device, which exists outside and moves to the node.
    """

    def __init__(self, number: int, device: str):
        self.name, self.address, self._device = f"node{number}", f"{NETWORK}.{number + 1}", device
        # The process ends all others and itself when its stdin is closed; the system does that when this process ends.
        # Systems choose different congestion controls. Every kernel has this one, and lets a namespace use it. After an idle
        # time TCP would start slowly again: that costs several latencies, of milliseconds here, of microseconds on a cluster.
        settings = f"echo reno >{TCP}congestion_control && echo 0 >{TCP}slow_start_after_idle"
        script = f"hostname {self.name} && ip link set lo up && {settings} && echo ready && read end\n{END_ALL}"
        self._process = start_apart(["unshare", "--net", "--uts", "sh", "-c", script])
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{self.name} did not start")
        self.pid = self._process.pid
        _ip("link", "set", device, "netns", str(self.pid))
        settings = ["mtu", str(MTU), "txqueuelen", str(QUEUE), "up"]
        for arguments in (["addr", "add", f"{self.address}/24", "dev", device], ["link", "set", device, *settings]):
            subprocess.run([*self.enter(), "ip", *arguments], check=True)
        self._tc(f"qdisc add dev {device} root handle 1: htb")  # without classes, it sends at once
        for other in range(MOST_NODES):
            match = f"match ip dst {NETWORK}.{other + 1}"
            self._tc(f"filter add dev {device} parent 1: protocol ip prio 1 u32 {match} flowid 1:{other + 1}")
        self._namespace = _namespace(self.pid)

    def enter(self) -> list[str]:
        """Return the words that start a command on this node."""
        return ["nsenter", f"--target={self.pid}", "--net", "--uts"]

    def limit(self, mbit: float) -> None:
        """Set the rate at which this node can send, million bits a second."""
        sizes = f"burst {burst(mbit)} cburst {burst(mbit)} quantum {MTU}"
        self._tc(f"class replace dev {self._device} parent 1: classid 1:99 htb rate {mbit}mbit {sizes}")
        for other in range(MOST_NODES):  # each may use the whole rate while the others send nothing
            rates = f"rate {mbit / MOST_NODES}mbit ceil {mbit}mbit"
            self._tc(f"class replace dev {self._device} parent 1:99 classid 1:{other + 1} htb {rates} {sizes}")

    def _tc(self, words: str) -> None:
        subprocess.run([*self.enter(), "tc", *words.split()], check=True)

    def processes(self) -> list[int]:
        """Return the process ids of all that runs on this node."""
        numbers = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        return [number for number in numbers if number != self.pid and _namespace(number) == self._namespace]

    def kill(self) -> None:
        """End all processes of this node at once. Its kernel lives, and closes their connections."""
        for number in self.processes():
            _kill(number)

    def close(self) -> None:
        """End all processes and the node."""
        self.kill()
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Cluster:
    """Nodes and the wire between them; use it in a `with` statement.

    Args:
        nodes: number of nodes, 2 to MOST_NODES.
        latency_ms: time of a packet from one node to another, milliseconds.
        mbit: rate at which a node can send, million bits a second; None sets no limit.
    """

    def __init__(self, nodes: int = 2, latency_ms: float = 0.0, mbit: float | None = None):
        names = [f"jeo{os.getpid() % 10**6}n{number}" for number in range(nodes)]  # at most 15 characters
        self._wire = start_apart([sys.executable, "-m", "tests.network.wire", "--latency-ms", str(latency_ms), *names])
        self.nodes: list[Node] = []
        self._folder = tempfile.TemporaryDirectory(prefix="jeoparda-nodes-")
        try:
            if self._wire.stdout.readline() != "ready\n":
                raise RuntimeError("the wire did not start")
            self.nodes.extend(Node(number, name) for number, name in enumerate(names))
            self._agent = self._write_agent()
            if mbit:
                self.shape(latency_ms, mbit)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the wire and all nodes."""
        self._wire.stdin.close()
        self._wire.wait()
        self._wire.stdout.close()
        for node in self.nodes:
            node.close()
        self._folder.cleanup()

    def _write_agent(self) -> Path:
        """Write the program that Open MPI calls in place of ssh: `agent ADDRESS command`."""
        cases = "\n".join(f'{node.address}) exec {" ".join(node.enter())} sh -c "$*" ;;' for node in self.nodes)
        agent = Path(self._folder.name, "agent")
        agent.write_text(f'#!/bin/sh\nhost=$1; shift\ncase $host in\n{cases}\nesac\necho "no node $host" >&2; exit 1\n')
        agent.chmod(0o755)
        return agent

    def cut(self, number: int) -> None:
        """Lose all packets from and to a node, without a word to anybody."""
        self._tell(f"cut {number}")

    def mend(self, number: int) -> None:
        """End a cut."""
        self._tell(f"mend {number}")

    def shape(self, latency_ms: float, mbit: float) -> None:
        """Change latency and rate."""
        self._tell(f"latency {latency_ms}")
        for node in self.nodes:
            node.limit(mbit)

    def _tell(self, line: str) -> None:
        self._wire.stdin.write(f"{line}\n")
        self._wire.stdin.flush()

    def mpirun(self, ranks_of_a_node: int = 1, **settings: object) -> list[str]:
        """Return the words that start a command on all nodes under one mpirun, which itself runs on node 0.

        Args:
            ranks_of_a_node: ranks on each node.
            settings: MCA parameters of Open MPI.
        """
        parameters = {"plm_rsh_agent": self._agent, "btl": "self,tcp", "btl_tcp_if_include": f"{NETWORK}.0/24"}
        parameters |= {"oob_tcp_if_include": f"{NETWORK}.0/24", "rmaps_base_oversubscribe": 1, **settings}
        hosts = ",".join(f"{node.address}:{ranks_of_a_node}" for node in self.nodes)
        words = [word for name, value in parameters.items() for word in ("--mca", name, str(value))]
        return [*self.nodes[0].enter(), "mpirun", "--allow-run-as-root", "--bind-to", "none", *words, "--host", hosts]


@contextmanager
def job(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen]:
    """Start a command in the folder of the repository, with its output in a file; kill it after the block."""
    with open(log, "w") as output:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def start_apart(command: Sequence[str]) -> subprocess.Popen:
    """Start a command in a session of its own, with pipes to its stdin and from its stdout.

    Signals to the group of this process, as of Ctrl-C or of `timeout`, do not reach it: the shell of a node must live until it
    has ended the ranks there, which are in groups of their own.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, cwd=REPOSITORY, text=True, start_new_session=True, **pipes)


def burst(mbit: float) -> int:
    """Return the bytes that a node that was idle sends at once, at this rate in million bits a second."""
    return max(2 * MTU, int(mbit * 1e6 / 8 * BURST_S))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _namespace(number: int) -> str:
    """Return the name of the network namespace of a process; empty if the process has ended."""
    try:
        return os.readlink(f"/proc/{number}/ns/net")
    except OSError:
        return ""


def _kill(number: int) -> None:
    with suppress(ProcessLookupError):  # it has ended meanwhile
        os.kill(number, signal.SIGKILL)
