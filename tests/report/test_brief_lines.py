"""Tests of brief lines."""

from __future__ import annotations

from harness.report.brief_lines import TELLERS
from harness.trace.brief import Brief, BriefExchange, BriefTls

BRIEF = Brief(
    3, "dmz", "203.0.113.5:50001", "10.20.0.10:443", 10, 90, "fin", 7, 100, 5, 2000, None, ()
)
COLUMNS = "3\tdmz\t203.0.113.5:50001\t10.20.0.10:443\t10\t90\tfin\t7\t100\t5\t2000"


def test_a_connection() -> None:
    """Eleven columns."""
    assert TELLERS["connections"](BRIEF) == f"{COLUMNS}\n"


def test_a_handshake() -> None:
    """Version, suite, SNI and subjects follow; blanks of a subject are text, a tab is not."""
    tls = BriefTls(0x0304, 0x1302, "x", ("CN=Alice Example", "CN=a\tb"))

    told = TELLERS["handshakes"](BRIEF._replace(tls=tls))

    assert told == f"{COLUMNS}\tTLS 1.3\t0x1302\tx\tCN=Alice Example\tCN=a\\x09b\n"


def test_no_handshake() -> None:
    """Dashes, for a missing answer too."""
    half = BriefTls(None, None, None, ())

    assert TELLERS["handshakes"](BRIEF) == f"{COLUMNS}\t-\t-\t-\n"
    assert TELLERS["handshakes"](BRIEF._replace(tls=half)) == f"{COLUMNS}\t-\t-\t-\n"


def test_exchanges() -> None:
    """A line each; none where nothing was asked."""
    exchanges = (
        BriefExchange(20, b"GET", b"/a", 30, 200),
        BriefExchange(40, b"GET", b"/\xe9 \n", None, None),
        BriefExchange(None, None, None, 50, 404),
    )
    ends = "3\t203.0.113.5:50001\t10.20.0.10:443"

    assert TELLERS["exchanges"](BRIEF) == ""
    assert TELLERS["exchanges"](BRIEF._replace(exchanges=exchanges)).splitlines() == [
        f"{ends}\t20\tGET\t/a\t30\t200",
        f"{ends}\t40\tGET\t/é\\x20\\x0a\t-\t-",
        f"{ends}\t-\t-\t-\t50\t404",
    ]
