"""Reference captures through `harness decode`: we see what independent tools saw, but for a list with reasons."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.reference import compare, differences

OLD_HELLO = "a ClientHello in SSL 2.0 form: its challenge is the random (RFC 5246 appendix E.2); tshark names none"
BEHIND = "bytes behind a hole that is never filled: counted here, left out there"
AMBIGUOUS = "behind an ambiguous Content-Length (RFC 9112 section 6.3): reported, and not believed"
DIFFERENCES: dict[str, tuple[int, str]] = {
    "derived/dsb_after_packets.pcapng": (6, "secrets are used wherever they stand in the file"),
    "file/ndpi__fuzz-2006-09-29-28586.pcap": (
        6,
        "fuzzed: a SYN with RST opens nothing, bytes 1 GiB ahead are not believed (RFC 9293 section 3.10.7)",
    ),
    "file/ndpi__ossfuzz_seed_fake_traces_1.pcapng": (
        2,
        "a ClientHello with one byte before it: no record begins there (RFC 8446 section 5.1)",
    ),
    "file/suriverify__fuzz.pcap": (1, "tshark counts a record that is longer than any packet"),
    "http/suriverify__http-connect-tls__input.pcap": (
        1,
        "the tunnel begins with an LF, so no TLS begins there (RFC 9110 section 9.3.6)",
    ),
    "http/suriverify__http-multiple-cl__input.pcap": (1, AMBIGUOUS),
    "http/zeek__261_variant-03-cl_negative.pcap": (1, AMBIGUOUS),
    "http/zeek__methods.pcap": (1, "a request line without a target (RFC 9112 section 3)"),
    "link/arkime__gre-erspan-vxlan.pcap": (
        1,
        "a target with a space in it: reported (RFC 9112 section 3.2)",
    ),
    "link/zeek__ip6-hoa-tcp-good-chksum.pcap": (
        1,
        "ends are those of the IPv6 header; tshark takes the home address (RFC 6275 section 6.3)",
    ),
    "link/zeek__raw_packets.pcap": (1, "requests over UDP (SSDP)"),
    "tcp/suriverify__tcp-protodetect-bailout__input.pcap": (1, BEHIND),
    "tcp/suriverify__tcp-rst-unacked-stream-03-gap__input.pcap": (1, BEHIND),
    "tcp/suriverify__tcp-rst-unacked-stream-07-http__input.pcap": (1, BEHIND),
    "tcp/suriverify__tcp-session-ipv6-stream-out-of-window__input.pcap": (1, BEHIND),
    "tls-keyed/wireshark__rsasnakeoil2.pcap": (1, OLD_HELLO),
    "tls-plain/arkime__https2-301-get.pcap": (1, OLD_HELLO),
    "tls-plain/ndpi__tls_invalid_reads.pcap": (
        1,
        "a server name behind a length that is wrong: not believed",
    ),
    "tls-plain/suriverify__ssl-v2-s1.pcap": (1, OLD_HELLO),
}
"""How many facts of a capture are not those of the reference, and why."""


def test_reference_captures(shared: Path) -> None:
    """Streams, hashes, handshakes, certificates, alerts, plaintext and requests of 344 captures."""
    corpus = shared / "corpus"
    truth = json.loads((corpus / "truth.json").read_text())
    found: dict[str, list[str]] = {}
    count = 0
    for name, row in truth.items():
        facts = compare(corpus / name, row)
        count += len(facts)
        if wrong := differences(facts):
            found[name] = wrong

    assert {name: len(wrong) for name, wrong in found.items()} == {
        name: count for name, (count, _) in DIFFERENCES.items()
    }
    assert len(truth) == 344
    assert count > 5000
