"""The wire between nodes: it takes IP packets from the device of one node and gives them to another, later.

    python -m tests.network.wire --latency-ms 1 --mbit 1000 name0 name1    a device for each name; runs until stdin ends

Linux has `tc netem` for this, but many kernels are built without it, as those of containers and small virtual machines. This
needs only /dev/net/tun. A node sends at most at the given rate, as a network card does: the wire reads its next packet when
the last one has left. Lines on stdin change the wire: `cut 1` loses all packets from and to node 1, `mend 1` ends that.
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
EARLY_S = 1e-3  # packets may leave this much too early, because no timer is exact; the rate holds over longer times


def open_device(name: str) -> int:
    """Make a network device, and return the file from which its packets are read."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


class Wire:
    """The packets on their way.

    Args:
        devices: files of the nodes' devices; node i has an IPv4 address that ends with i + 1.
        latency: seconds from one node to another.
        rate: bytes a second that a node can send.
    """

    def __init__(self, devices: Sequence[int], latency: float, rate: float):
        self.devices, self.latency, self.rate = devices, latency, rate
        self.free_at = dict.fromkeys(devices, 0.0)  # when the last packet of a node has left
        self.under_way: list[tuple[float, int, int, bytes]] = []  # arrival, number, node that receives, packet
        self.number = 0
        self.cut: set[int] = set()

    def run(self) -> None:
        """Carry packets until stdin ends."""
        while True:
            now = time.monotonic()
            self.deliver(now)
            ready = [device for device in self.devices if self.free_at[device] <= now + EARLY_S]
            times = [self.free_at[device] - EARLY_S for device in self.devices if device not in ready]
            times += [self.under_way[0][0]] if self.under_way else []
            timeout = max(0.0, min(times) - time.monotonic()) if times else None
            readable = select.select([sys.stdin, *ready], [], [], timeout)[0]
            for device in readable:
                if device is not sys.stdin:
                    self.take(device)
                elif not self.obey(sys.stdin.readline().split()):
                    return

    def take(self, device: int) -> None:
        """Take a packet from the device of a node."""
        packet = os.read(device, LARGEST_PACKET)
        sender, receiver = self.devices.index(device), packet[19] - 1
        self.free_at[device] = max(self.free_at[device], time.monotonic()) + len(packet) / self.rate
        if packet[0] >> 4 == 4 and receiver < len(self.devices) and not {sender, receiver} & self.cut:
            self.number += 1
            heapq.heappush(self.under_way, (self.free_at[device] + self.latency, self.number, receiver, packet))

    def deliver(self, now: float) -> None:
        """Give the packets that have arrived to their receivers."""
        while self.under_way and self.under_way[0][0] <= now:
            _, _, receiver, packet = heapq.heappop(self.under_way)
            with suppress(OSError):  # a device that is down, or whose queue is full, loses packets
                os.write(self.devices[receiver], packet)

    def obey(self, words: list[str]) -> bool:
        """Cut or mend the line of a node. Return False at the end of stdin."""
        if words:
            command, node = words
            {"cut": self.cut.add, "mend": self.cut.discard}[command](int(node))
        return bool(words)


def main() -> None:
    """Make the devices, say so, and carry packets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--mbit", type=float, default=float("inf"))
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    with suppress(OSError):  # packets arrive in time even if all cores compute
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    devices = [open_device(name) for name in arguments.names]
    print("ready", flush=True)
    Wire(devices, arguments.latency_ms / 1e3, arguments.mbit * 1e6 / 8).run()


if __name__ == "__main__":
    main()
