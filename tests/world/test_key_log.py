"""The key log: secrets of one run, by session and by carrier."""

from __future__ import annotations

from harness.net.address import Endpoint, parse_address
from harness.world.key_log import KeyLog

DEVICE = Endpoint(parse_address("203.0.113.10"), 40000)
VIP = Endpoint(parse_address("10.20.0.10"), 5262)
BALANCER = Endpoint(parse_address("10.20.0.10"), 41000)
NODE = Endpoint(parse_address("10.20.1.1"), 5262)
RANDOM = bytes(range(32))


def test_both_ends_of_a_session_are_one_session_with_two_carriers() -> None:
    """A pass-through balancer gives one session two connections."""
    keys = KeyLog()

    keys.secret(local=DEVICE, peer=VIP, client_random=RANDOM, label="CLIENT_RANDOM", secret=b"m")
    keys.secret(local=NODE, peer=BALANCER, client_random=RANDOM, label="CLIENT_RANDOM", secret=b"m")

    assert [session.secrets for session in keys] == [{"CLIENT_RANDOM": b"m"}]
    (session,) = keys
    assert session.carriers == {frozenset((DEVICE, VIP)), frozenset((NODE, BALANCER))}


def test_a_carrier_may_have_several_sessions() -> None:
    """TLS inside a tunnel names the connection that carries it."""
    keys = KeyLog()

    keys.secret(
        local=DEVICE, peer=VIP, client_random=RANDOM, label="CLIENT_RANDOM", secret=b"outer"
    )
    keys.secret(
        local=DEVICE, peer=VIP, client_random=bytes(32), label="CLIENT_RANDOM", secret=b"in"
    )

    assert [session.client_random for session in keys] == [RANDOM, bytes(32)]
    assert [session.carriers for session in keys] == [{frozenset((DEVICE, VIP))}] * 2


def test_the_first_value_of_a_label_stays() -> None:
    """A later key update must not replace what the file's start needs."""
    keys = KeyLog()

    keys.secret(
        local=DEVICE, peer=VIP, client_random=RANDOM, label="CLIENT_TRAFFIC_SECRET_0", secret=b"1"
    )
    keys.secret(
        local=DEVICE, peer=VIP, client_random=RANDOM, label="CLIENT_TRAFFIC_SECRET_0", secret=b"2"
    )

    assert next(iter(keys)).secrets == {"CLIENT_TRAFFIC_SECRET_0": b"1"}
    assert next(iter(keys)).further == [("CLIENT_TRAFFIC_SECRET_0", b"2")]


def test_a_secret_is_kept_once() -> None:
    """Both ends report it, also where a ClientHello that was sent again has several."""
    keys = KeyLog()
    for secret in (b"1", b"2", b"2", b"1"):
        keys.secret(local=DEVICE, peer=VIP, client_random=RANDOM, label="L", secret=secret)

    (session,) = keys
    assert (session.secrets, session.further) == ({"L": b"1"}, [("L", b"2")])
