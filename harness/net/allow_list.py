"""The vendor's allow-list: `10.20.0.10; 10.20.9.0 255.255.255.0; 2001:db8::/32`.

    list   = [ entry *( ";" entry ) [ ";" ] ]
    entry  = OWS ( cidr / subnet / ip ) OWS      ; OWS: spaces and tabs, nothing else
    cidr   = ip "/" 1*3DIGIT
    subnet = ipv4 1*SP dotted-mask
    ip     = IPv4 dotted quad / IPv6

Where the vendor's sentence can be read in more than one way, the readings A1 to A15 of the project's deployment
notes hold. In doubt nothing is allowed, and a text that has to be guessed at is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from harness.net.address import Address, parse_address

Network = IPv4Network | IPv6Network

EXPECTED = (
    "10.0.0.0/24 (CIDR), 10.0.0.0 255.255.255.0 (address, space, mask), or one IP address; "
    "a semicolon between entries"
)
"""What an entry may look like, for messages."""

_BLANKS = " \t"
_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII)
_HOST_NAME = re.compile(r"(?!0[xX])[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*", re.ASCII)
_IPV4_BITS = 32
_IPV6_BITS = 128
_MAPPED_PREFIX = 96
"""Bits of ::ffff:0:0 before the IPv4 address (RFC 4291 section 2.5.5.2)."""


def quote(text: str) -> str:
    """The text in double quotes, on one line whatever it holds."""
    return json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProblem:
    """One entry that cannot be read."""

    number: int
    """1-based, among the parts between semicolons."""
    column: int
    """1-based character of the text where the entry starts."""
    entry: str
    """As written, without blanks around it."""
    expected: str
    """What to write instead."""

    def __str__(self) -> str:
        """One line, with the value."""
        return f"entry {self.number} (character {self.column}): got {quote(self.entry)}; expected {self.expected}"


class AllowListError(ValueError):
    """A text that is no allow-list; carries every problem."""

    def __init__(self, problems: tuple[EntryProblem, ...]) -> None:
        """Keep the problems; the message has one line for each."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """Networks that are allowed; nothing else is."""

    entries: tuple[Network, ...]
    """In the order written, host bits cleared; IPv4-mapped ones as IPv4."""
    warnings: tuple[str, ...] = ()
    """What is legal and probably not meant, one sentence each."""

    @classmethod
    def parse(cls, text: str) -> AllowList:
        """Read an allow-list; "" is legal and allows nothing (A4).

        Raises:
            AllowListError: with every entry that cannot be read.
        """
        entries: list[Network] = []
        warnings: list[str] = []
        problems: list[EntryProblem] = []
        for number, column, entry in _split(text):
            try:
                network, remarks = _parse_entry(entry)
            except ValueError as error:
                problems.append(
                    EntryProblem(number=number, column=column, entry=entry, expected=str(error))
                )
            else:
                entries.append(network)
                warnings += (f"entry {number} {quote(entry)}: {remark}" for remark in remarks)
        if problems:
            raise AllowListError(tuple(problems))
        if not entries:
            warnings.append("the list is empty: nothing is allowed")
        return cls(entries=tuple(entries), warnings=tuple(warnings))

    def allows(self, address: Address) -> bool:
        """Whether an address is listed; an IPv4-mapped one counts as IPv4 (A7).

        A loopback address is allowed only by an entry that names loopback itself, not by `0.0.0.0/0` (A14).
        """
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(
            entry.version == address.version
            and address in entry
            and (entry.is_loopback or not address.is_loopback)
            for entry in self.entries
        )


def _split(text: str) -> Iterator[tuple[int, int, str]]:
    """Number, column and text of each entry; one semicolon at the very end ends the list (A13)."""
    if not text.strip(_BLANKS):
        return
    parts = text.split(";")
    if len(parts) > 1 and not parts[-1].strip(_BLANKS):
        parts.pop()
    column = 1
    for number, part in enumerate(parts, start=1):
        lead = len(part) - len(part.lstrip(_BLANKS))
        yield number, column + lead, part.strip(_BLANKS)
        column += len(part) + 1


def _parse_entry(entry: str) -> tuple[Network, tuple[str, ...]]:
    """The network, and remarks about it.

    Raises:
        ValueError: what is expected instead.
    """
    if not entry:
        raise ValueError("an entry between the semicolons; remove one of them")
    if "%" in entry:
        raise ValueError("an address without a zone id, which means nothing to another machine")
    if "/" in entry:
        address, prefix = _parse_cidr(entry)
    elif " " in entry or "\t" in entry:
        address, prefix = _parse_subnet(entry)
    else:
        single = _parse_ip(entry)
        address, prefix = single, single.max_prefixlen
    network = _network(address, prefix)
    remarks: list[str] = []
    if network.network_address != address:
        remarks.append(f"bits after the mask are set; read as {network}")
    if network.prefixlen == 0:
        remarks.append(f"allows every IPv{network.version} address")
    return network, tuple(remarks)


def _parse_ip(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError:
        if _HOST_NAME.fullmatch(text):
            raise ValueError(f"{EXPECTED}; a host name cannot stand here") from None
        raise ValueError(EXPECTED) from None


def _parse_cidr(entry: str) -> tuple[Address, int]:
    left, _, right = entry.partition("/")
    try:
        address = ip_address(left)
    except ValueError:
        _parse_ip(left)
        raise
    if "." in right:
        raise ValueError("the number of bits after the slash (/24), or a space before the mask")
    if not _PREFIX.fullmatch(right) or int(right) > address.max_prefixlen:
        raise ValueError(
            f"0 to {address.max_prefixlen} after the slash, digits only, without leading zeros"
        )
    prefix = int(right)
    # A7: a mapped network is the IPv4 network it holds, if it holds nothing else.
    if (
        isinstance(address, IPv6Address)
        and address.ipv4_mapped is not None
        and prefix >= _MAPPED_PREFIX
    ):
        return address.ipv4_mapped, prefix - _MAPPED_PREFIX
    return address, prefix


def _parse_subnet(entry: str) -> tuple[Address, int]:
    left, *rest = entry.split(" ")
    tokens = [token for token in rest if token]
    if "\t" in entry or len(tokens) != 1:
        raise ValueError("one address, spaces, one mask; a semicolon between entries")
    address = _parse_ip(left)
    if ":" in left:
        raise ValueError("an IPv6 network with a slash, such as 2001:db8::/32")
    prefix = _mask_size(tokens[0])
    if prefix is None:
        raise ValueError(
            "a mask such as 255.255.255.0 (ones, then zeros) after the space, or a semicolon before another address"
        )
    return address, prefix


def _mask_size(text: str) -> int | None:
    """Number of leading ones; None when the text is no mask or has ones after a zero (A3)."""
    try:
        mask = IPv4Address(text)
    except ValueError:
        return None
    inverse = int(mask) ^ 0xFFFFFFFF
    return None if inverse & (inverse + 1) else _IPV4_BITS - inverse.bit_length()


def _network(address: Address, prefix: int) -> Network:
    """The network of an address, host bits cleared (A2)."""
    if isinstance(address, IPv4Address):
        return IPv4Network((int(address) >> (_IPV4_BITS - prefix) << (_IPV4_BITS - prefix), prefix))
    return IPv6Network((int(address) >> (_IPV6_BITS - prefix) << (_IPV6_BITS - prefix), prefix))
