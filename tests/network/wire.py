"""The wire between nodes: it takes IP packets from the device of one node and gives them to another, later.

    python -m tests.network.wire --latency-ms 1 name0 name1    a device for each name; runs until stdin ends

Linux has `tc netem` for this, but many kernels are built without it, as those of containers and small virtual machines. This
needs only /dev/net/tun. Lines on stdin change the wire: `cut 1` loses all packets from and to node 1, `mend 1` ends that, and
`latency 5` sets 5 ms.
"""

import argparse
import fcntl
import heapq
import os
import select
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000
LARGEST_PACKET = 65535


def open_device(name: str) -> int:
    """Make a network device, and return the file from which its packets are read."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


class Wire:
    """The packets on their way.

    Args:
        devices: files of the nodes' devices; node i has an IPv4 address that ends with i + 1.
        latency_ms: time from one node to another, milliseconds.
    """

    def __init__(self, devices: Sequence[int], latency_ms: float):
        self.devices, self.latency_ms = devices, latency_ms
        self.under_way: list[tuple[float, int, int, bytes]] = []  # arrival, number, node that receives, packet
        self.number = 0
        self.cut: set[int] = set()

    def run(self) -> None:
        """Carry packets until stdin ends."""
        while True:
            self.deliver(time.monotonic())
            timeout = max(0.0, self.under_way[0][0] - time.monotonic()) if self.under_way else None
            for readable in select.select([sys.stdin, *self.devices], [], [], timeout)[0]:
                if readable is not sys.stdin:
                    self.take(readable)
                elif not self.obey(sys.stdin.readline().split()):
                    return

    def take(self, device: int) -> None:
        """Take a packet from the device of a node."""
        packet = os.read(device, LARGEST_PACKET)
        sender, receiver = self.devices.index(device), packet[19] - 1
        if packet[0] >> 4 == 4 and receiver < len(self.devices) and not {sender, receiver} & self.cut:
            self.number += 1
            heapq.heappush(self.under_way, (time.monotonic() + self.latency_ms / 1e3, self.number, receiver, packet))

    def deliver(self, now: float) -> None:
        """Give the packets that have arrived to their receivers."""
        while self.under_way and self.under_way[0][0] <= now:
            _, _, receiver, packet = heapq.heappop(self.under_way)
            with suppress(OSError):  # a device that is down loses packets
                os.write(self.devices[receiver], packet)

    def obey(self, words: list[str]) -> bool:
        """Change the wire. Return False at the end of stdin."""
        match words:
            case ["cut", node]:
                self.cut.add(int(node))
            case ["mend", node]:
                self.cut.discard(int(node))
            case ["latency", milliseconds]:
                self.latency_ms = float(milliseconds)
        return bool(words)


def main() -> None:
    """Make the devices, say so, and carry packets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    with suppress(OSError):  # packets arrive in time even if all cores compute
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    devices = [open_device(name) for name in arguments.names]
    print("ready", flush=True)
    Wire(devices, arguments.latency_ms).run()


if __name__ == "__main__":
    main()
