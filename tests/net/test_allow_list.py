"""The vendor's allow-list and the readings A1 to A15."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.net.address import Address
from harness.net.allow_list import AllowList, AllowListError

READ = {
    "single address": ("10.0.0.1", ("10.0.0.1/32",)),
    "cidr": ("10.0.0.0/24", ("10.0.0.0/24",)),
    "subnet": ("10.0.0.0 255.255.255.0", ("10.0.0.0/24",)),
    "subnet with several spaces": ("10.0.0.0   255.255.0.0", ("10.0.0.0/16",)),
    "A1 three forms": (
        "10.0.0.1;10.1.0.0/16; 10.2.0.0 255.255.0.0",
        ("10.0.0.1/32", "10.1.0.0/16", "10.2.0.0/16"),
    ),
    "A2 host bits in cidr": ("10.0.0.5/24", ("10.0.0.0/24",)),
    "A2 host bits in subnet": ("10.0.0.5 255.255.255.0", ("10.0.0.0/24",)),
    "A3 mask of all ones": ("10.0.0.5 255.255.255.255", ("10.0.0.5/32",)),
    "A4 empty": ("", ()),
    "A4 blanks": (" \t", ()),
    "A5 everything": ("0.0.0.0/0", ("0.0.0.0/0",)),
    "A5 everything as subnet": ("0.0.0.0 0.0.0.0", ("0.0.0.0/0",)),
    "A5 everything of IPv6": ("::/0", ("::/0",)),
    "A6 IPv6 address": ("2001:db8::1", ("2001:db8::1/128",)),
    "A6 IPv6 cidr": ("2001:db8::/32", ("2001:db8::/32",)),
    "A7 mapped address": ("::ffff:10.0.0.2", ("10.0.0.2/32",)),
    "A7 mapped cidr": ("::ffff:10.0.0.0/120", ("10.0.0.0/24",)),
    "A7 wider than the mapped block": ("::ffff:0:0/95", ("::fffe:0:0/95",)),
    "A13 trailing semicolon": ("10.0.0.1;", ("10.0.0.1/32",)),
    "A13 trailing semicolon and blank": ("10.0.0.1; ", ("10.0.0.1/32",)),
    "A13 tabs around": ("\t10.0.0.1\t;\t10.0.0.2", ("10.0.0.1/32", "10.0.0.2/32")),
    "A14 loopback": ("127.0.0.0/8; ::1", ("127.0.0.0/8", "::1/128")),
}

REFUSED = {
    "A1 space between addresses": ("10.0.0.1 10.0.0.2", "a mask such as"),
    "A1 comma between addresses": ("10.0.0.1,10.0.0.2", "a semicolon between"),
    "A1 two masks": ("10.0.0.0 255.0.0.0 255.0.0.0", "one address, spaces, one mask"),
    "A3 wildcard mask": ("10.0.0.0 0.0.0.255", "ones, then zeros"),
    "A3 wildcard mask after slash": ("10.0.0.0/0.0.0.255", "the number of bits"),
    "A3 mask with a hole": ("10.0.0.0 255.0.255.0", "ones, then zeros"),
    "mask after slash": ("10.0.0.0/255.255.255.0", "a space before the mask"),
    "space before slash": ("10.0.0.0 /24", "(CIDR)"),
    "A6 zone": ("fe80::1%eth0", "without a zone"),
    "A6 zone in cidr": ("fe80::1%eth0/64", "without a zone"),
    "A6 IPv6 subnet": ("2001:db8:: 255.255.0.0", "with a slash"),
    "A8 leading zero": ("010.0.0.1", "one IP address"),
    "A8 leading zeros in the prefix": ("10.0.0.0/024", "without leading zeros"),
    "A8 prefix of zeros": ("10.0.0.0/00", "without leading zeros"),
    "A8 short form": ("127.1", "one IP address"),
    "A8 hex": ("0x7f.1", "one IP address"),
    "A8 decimal": ("2130706433", "one IP address"),
    "A8 leading zero in a mask": ("10.0.0.0 255.255.255.00", "a mask such as"),
    "prefix too long": ("10.0.0.0/33", "0 to 32"),
    "IPv6 prefix too long": ("::/129", "0 to 128"),
    "prefix missing": ("10.0.0.0/", "0 to 32"),
    "prefix signed": ("10.0.0.0/+8", "0 to 32"),
    "prefix in Arabic digits": ("10.0.0.0/\u0662\u0664", "0 to 32"),
    "two slashes": ("10.0.0.0/8/8", "0 to 32"),
    "A9 host name": ("access.example.com", "a host name cannot stand here"),
    "A9 localhost": ("localhost", "a host name cannot stand here"),
    "A10 port": ("10.0.0.1:443", "one IP address"),
    "A13 inner empty entry": ("10.0.0.1;;10.0.0.2", "remove one"),
    "A13 leading semicolon": (";10.0.0.1", "remove one"),
    "A13 only a semicolon": (";", "remove one"),
    "A13 line break": ("10.0.0.1;\n10.0.0.2", "one IP address"),
    "A13 no-break space": ("10.0.0.0\u00a0255.0.0.0", "one IP address"),
    "A13 tab inside a subnet": ("10.0.0.0\t255.0.0.0", "one address, spaces, one mask"),
    "mapped subnet": ("::ffff:10.0.0.0 255.255.255.0", "with a slash"),
    "brackets": ("[::1]", "one IP address"),
}

ALLOWED = {
    "inside": ("10.0.0.0/24", "10.0.0.255", True),
    "outside": ("10.0.0.0/24", "10.0.1.0", False),
    "second entry": ("10.0.0.1; 10.0.0.2", "10.0.0.2", True),
    "A4 empty allows nothing": ("", "10.0.0.1", False),
    "A7 mapped peer": ("10.0.0.0/24", "::ffff:10.0.0.2", True),
    "A7 mapped entry": ("::ffff:10.0.0.2", "10.0.0.2", True),
    "A7 mapped peer in all of IPv6": ("::/0", "::ffff:10.0.0.2", False),
    "families do not mix": ("0.0.0.0/0", "2001:db8::1", False),
    "A14 loopback in everything": ("0.0.0.0/0", "127.0.0.1", False),
    "A14 loopback listed": ("127.0.0.1", "127.0.0.1", True),
    "A14 loopback network listed": ("127.0.0.0/8", "127.9.9.9", True),
    "A14 IPv6 loopback in everything": ("::/0", "::1", False),
    "A14 mapped loopback in everything": ("0.0.0.0/0", "::ffff:127.0.0.1", False),
}

WARNED = {
    "A2": ("10.0.0.5/24", "read as 10.0.0.0/24"),
    "A4": ("", "nothing is allowed"),
    "A5": ("0.0.0.0/0", "every IPv4 address"),
    "A5 IPv6": ("::/0", "every IPv6 address"),
    "A5 mapped": ("::ffff:0:0/96", "every IPv4 address"),
}


@pytest.mark.parametrize(("text", "networks"), READ.values(), ids=READ)
def test_reads(text: str, networks: tuple[str, ...]) -> None:
    """Every reading of the grammar gives its networks."""
    assert AllowList.parse(text).entries == tuple(map(ip_network, networks))


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_refuses(text: str, expected: str) -> None:
    """What would have to be guessed at is refused, and the message says what to write."""
    with pytest.raises(AllowListError) as caught:
        AllowList.parse(text)

    assert expected in str(caught.value)


@pytest.mark.parametrize(("text", "address", "allowed"), ALLOWED.values(), ids=ALLOWED)
def test_allows(text: str, address: str, allowed: bool) -> None:
    """Only what is listed is allowed; loopback only when it is listed itself."""
    assert AllowList.parse(text).allows(ip_address(address)) is allowed


@pytest.mark.parametrize(("text", "words"), WARNED.values(), ids=WARNED)
def test_warns(text: str, words: str) -> None:
    """What is legal and probably not meant is told."""
    (warning,) = AllowList.parse(text).warnings

    assert words in warning


def test_plain_list_has_no_warnings() -> None:
    """Nothing is told about a list that says what it means."""
    assert AllowList.parse("10.0.0.1; 10.1.0.0/16; 10.2.0.0 255.255.0.0").warnings == ()


def test_tells_every_problem_with_its_place() -> None:
    """All bad entries are told at once, with number, character and value."""
    with pytest.raises(AllowListError) as caught:
        AllowList.parse("10.0.0.1; bad ; 10.0.0.2;10.0.0.0/40")

    got = [(p.number, p.column, p.entry) for p in caught.value.problems]
    assert got == [(2, 11, "bad"), (4, 26, "10.0.0.0/40")]
    assert str(caught.value).splitlines()[1] == (
        'entry 4 (character 26): got "10.0.0.0/40"; '
        "expected 0 to 32 after the slash, digits only, without leading zeros"
    )


def test_message_stays_on_one_line() -> None:
    """A line break in an entry is shown escaped."""
    with pytest.raises(AllowListError) as caught:
        AllowList.parse("10.0.0.1\n")

    assert str(caught.value).startswith('entry 1 (character 1): got "10.0.0.1\\n"; expected')


IPV4 = st.integers(0, 2**32 - 1)
ENTRY = st.tuples(IPV4, st.integers(0, 32), st.sampled_from(("cidr", "subnet", "single")))


def _write(entry: tuple[int, int, str]) -> str:
    number, prefix, form = entry
    address = IPv4Address(number)
    if form == "cidr":
        return f"{address}/{prefix}"
    if form == "subnet":
        return f"{address} {IPv4Address(2**32 - 2 ** (32 - prefix))}"
    return str(address)


def _slowly(entry: tuple[int, int, str], address: int) -> bool:
    """The obvious reference: equal leading bits, written as text; loopback only if the entry is loopback."""
    number, prefix, form = entry
    size = 32 if form == "single" else prefix
    is_inside = f"{number:032b}"[:size] == f"{address:032b}"[:size]
    is_loopback = f"{address:032b}".startswith("01111111")
    return is_inside and (
        not is_loopback or (size >= 8 and f"{number:032b}".startswith("01111111"))
    )


@given(st.lists(ENTRY, max_size=6), IPV4, st.booleans())
def test_agrees_with_the_obvious(
    entries: list[tuple[int, int, str]], address: int, near: bool
) -> None:
    """Any list allows exactly what comparing leading bits allows."""
    if near and entries:
        address = entries[0][0] ^ (address & 0xFF)
    allowed = AllowList.parse("; ".join(map(_write, entries)))

    expected = any(_slowly(entry, address) for entry in entries)
    assert allowed.allows(IPv4Address(address)) is expected
    assert allowed.allows(IPv6Address(f"::ffff:{IPv4Address(address)}")) is expected


OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4_FORM = rf"{OCTET}(?:\.{OCTET}){{3}}"
MASKS = "|".join(re.escape(str(IPv4Address(2**32 - 2 ** (32 - size)))) for size in range(33))
GRAMMAR = re.compile(rf"[ \t]*{IPV4_FORM}(?:/(?:3[0-2]|[12]?[0-9])| +(?:{MASKS}))?[ \t]*", re.ASCII)
"""One IPv4 entry, written out from the grammar: every mask is listed."""
ADDRESSES = ("10.0.0.5", "10.0.0.0", "0.0.0.0", "010.0.0.1", "256.0.0.1", "1")
REST = ("255.255.255.0", "0.0.0.255", "/", "24", "024", "33", ";", " ", "\t", "\n", "\u00a0", "-")
PIECES = st.sampled_from((*ADDRESSES, *REST))


@given(st.lists(PIECES, max_size=8).map("".join))
def test_accepts_what_the_grammar_accepts(text: str) -> None:
    """No more and no less, whatever pieces it is made of."""
    parts = text.split(";")
    if len(parts) > 1 and not parts[-1].strip(" \t"):
        parts.pop()
    expected = not text.strip(" \t") or all(map(GRAMMAR.fullmatch, parts))
    try:
        AllowList.parse(text)
        accepted = True
    except AllowListError:
        accepted = False

    assert accepted is bool(expected)


@given(st.integers(0, 2**128 - 1), st.integers(0, 128), st.integers(0, 127), st.booleans())
def test_agrees_with_the_obvious_on_ipv6(
    number: int, prefix: int, bit: int, is_flipped: bool
) -> None:
    """Equal leading bits, written as text; mapped and loopback addresses have rules of their own."""
    other = number ^ (1 << bit) if is_flipped else number
    listed, asked = IPv6Address(number), IPv6Address(other)
    assume(not any(a.ipv4_mapped or a.is_loopback for a in (listed, asked)))

    expected = f"{number:0128b}"[:prefix] == f"{other:0128b}"[:prefix]
    assert AllowList.parse(f"{listed}/{prefix}").allows(asked) is expected


ELSEWHERE = {
    "A11": "world/actors/test_location.py",
    "A12": "world/actors/test_location.py",
    "A15": "site/test_page_problems.py",
}
"""Readings that are not about the list itself."""


@pytest.mark.parametrize("reading", [f"A{number}" for number in range(1, 16)])
def test_every_reading_is_in_a_table(reading: str) -> None:
    """A1 to A15: a row that names it, here or where it is decided."""
    rows = [*READ, *REFUSED, *ALLOWED, *WARNED]
    if reading in ELSEWHERE:
        text = (Path(__file__).parents[1] / ELSEWHERE[reading]).read_text(encoding="utf-8")
        rows = re.findall(rf"test_{reading.lower()}_|\"{reading} ", text)

    assert [row for row in rows if reading.lower() in re.split(r"[ _\"]", row.lower())]


@given(st.text(alphabet="0123456789abf.:/; \t%xG", max_size=40))
def test_reads_or_refuses_anything(text: str) -> None:
    """Any text is either a list of networks that its own notation reads again, or refused."""
    try:
        first = AllowList.parse(text).entries
    except AllowListError:
        return
    assert AllowList.parse("; ".join(map(str, first))).entries == first


@given(st.ip_addresses())
def test_single_address_allows_itself(address: Address) -> None:
    """An address, listed alone, is allowed."""
    assert AllowList.parse(str(address)).allows(address)
