"""Hosts of their own on this machine: network namespaces on one bridge, whose ways can be cut.

The bridge is in a namespace too; the test itself reaches the hosts over one more link, which is
all that there is of it in the machine's own network. Everything goes when the block ends.
"""

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

NOBODY = "02:00:00:00:00:01"
"""A hardware address that no host has."""


def ip(*arguments: str) -> None:
    """Runs the command of that name."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@dataclass
class Network:
    """Hosts by name."""

    prefix: str
    addresses: dict[str, str] = field(default_factory=dict)

    def inside(self, host: str, command: Sequence[str]) -> list[str]:
        """The command that runs ``command`` on a host; its process id is the command's."""
        return ["ip", "netns", "exec", f"{self.prefix}{host}", *command]

    def cut(self, one: str, other: str) -> None:
        """Has nothing arrive that two hosts send to each other; nobody is told."""
        for here, there in ((one, other), (other, one)):
            neighbour = ["replace", self.addresses[there], "lladdr", NOBODY, "dev", "eth0"]
            ip("-n", f"{self.prefix}{here}", "neigh", *neighbour, "nud", "permanent")

    def mend(self, one: str, other: str) -> None:
        """Has it arrive again."""
        for here, there in ((one, other), (other, one)):
            ip("-n", f"{self.prefix}{here}", "neigh", "del", self.addresses[there], "dev", "eth0")

    @contextlib.contextmanager
    def apart(self, ones: Sequence[str], others: Sequence[str]) -> Iterator[None]:
        """Has nothing arrive between any of ``ones`` and any of ``others`` while the block runs."""
        with contextlib.ExitStack() as stack:
            for one, other in itertools.product(ones, others):
                self.cut(one, other)
                stack.callback(self.mend, one, other)
            yield

    def add(self, host: str) -> None:
        """Makes a host."""
        space, number = f"{self.prefix}{host}", len(self.addresses) + 2
        self.addresses[host] = f"10.213.{os.getpid() % 250}.{number}"
        port = f"port{number}"
        ip("netns", "add", space)
        hub = f"{self.prefix}hub"
        ip("-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("-n", hub, "link", "set", port, "master", "bridge", "up")
        ip("-n", space, "address", "add", f"{self.addresses[host]}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            ip("-n", space, "link", "set", link, "up")


@contextlib.contextmanager
def network(*hosts: str) -> Iterator[Network]:
    """Hosts with these names, while the block runs."""
    made = Network(f"fleet-{os.getpid()}-")
    hub, link = f"{made.prefix}hub", f"nc{os.getpid()}"
    try:
        ip("netns", "add", hub)
        ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        ip("-n", hub, "link", "set", "bridge", "up")
        ip("link", "add", link, "type", "veth", "peer", "name", "test", "netns", hub)
        ip("-n", hub, "link", "set", "test", "master", "bridge", "up")
        ip("address", "add", f"10.213.{os.getpid() % 250}.1/24", "dev", link)
        ip("link", "set", link, "up")
        for host in hosts:
            made.add(host)
        yield made
    finally:
        # With its namespace it would go some time later, and be in the way of the next network.
        subprocess.run(["ip", "link", "del", link], check=False)
        for host in (*made.addresses, "hub"):
            subprocess.run(["ip", "netns", "del", f"{made.prefix}{host}"], check=False)
