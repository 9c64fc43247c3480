"""Which of many networks an address is in: the longest prefix that contains it counts (RFC 1519
§2).

One dictionary per length of prefix that there is: a look-up costs one question for each, whatever
the number of networks.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, Generic, TypeVar

from control_plane.routing.clients import Address, Network

T = TypeVar("T")

_CIDR: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:/[0-9]{1,3})?")
"""Neither masks nor zones of interfaces, both of which the standard library takes."""
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""Under which translators show IPv4 clients to servers of IPv6 alone (RFC 6052 §2.1, RFC 7755)."""


class Prefixes(Generic[T]):
    """Networks, each with what belongs to it."""

    def __init__(self) -> None:
        self._tables: dict[int, dict[int, dict[int, T]]] = {4: {}, 6: {}}
        self._lengths: dict[int, list[tuple[int, dict[int, T]]]] = {4: [], 6: []}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, network: Network, value: T) -> T:
        """What belongs to ``network``: ``value`` from now on, unless it was added before."""
        tables, bits = self._tables[network.version], network.max_prefixlen
        shift = bits - network.prefixlen
        if shift not in tables:
            tables[shift] = {}
            self._lengths[network.version] = sorted(tables.items(), key=lambda item: item[0])
        table, prefix = tables[shift], int(network.network_address) >> shift
        self._count += prefix not in table
        return table.setdefault(prefix, value)

    def find(self, address: Address) -> T | None:
        """What belongs to the longest prefix around ``address``, or around the IPv4 address that is
        in it; None when there is none."""
        number = int(address)
        for shift, table in self._lengths[address.version]:
            found = table.get(number >> shift)
            if found is not None:
                return found
        inner = carried(address)
        return self.find(inner) if inner is not None else None


def carried(address: Address) -> IPv4Address | None:
    """The client's IPv4 address in an IPv6 address that has one: mapped (RFC 4291 §2.5.5.2),
    translated (RFC 6052), 6to4 (RFC 3056) or Teredo (RFC 4380). None in any other."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    # The first is the server over which it came.
    return address.teredo[1] if address.teredo is not None else None


def parse_network(text: str) -> Network:
    """The network in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3); one of mapped IPv4 addresses is
    one of IPv4.

    Raises:
        ValueError: it is none, and why, as the end of a sentence.
    """
    if not _CIDR.fullmatch(text):
        raise ValueError(f"{text[:64]!r} is no network such as 192.0.2.0/24 or 2001:db8::/32")
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError(_fault(text)) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _fault(text: str) -> str:
    try:
        around = ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is no network such as 192.0.2.0/24 or 2001:db8::/32"
    return f"{text!r} has bits after its prefix: the network is {around}"
