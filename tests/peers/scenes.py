"""All scenes by name; each plays its part at a Place, and gives the requests that must be found in its capture."""

from __future__ import annotations

from collections.abc import Callable

from tests.peers import openssl, proxies
from tests.peers.place import Place

Scene = Callable[[Place], list[str]]

SCENES: dict[str, Scene] = {
    "openssl-tls1.0": openssl.every_suite("tls1", "rsa", "RSA", "DHE-RSA"),
    "openssl-tls1.0-ecdhe": openssl.every_suite("tls1", "rsa", "ECDHE-RSA", "anon"),
    "openssl-tls1.1": openssl.every_suite("tls1_1", "rsa", "RSA", "DHE-RSA"),
    "openssl-tls1.1-mac-first": openssl.every_suite(
        "tls1_1", "rsa", "RSA", options="-EncryptThenMac,-ExtendedMasterSecret"
    ),
    "openssl-tls1.2-ecdsa": openssl.every_suite("tls1_2", "ec", "ECDSA"),
    "openssl-tls1.2-rsa-1": openssl.every_suite("tls1_2", "rsa", "RSA", part=openssl.EVEN),
    "openssl-tls1.2-rsa-2": openssl.every_suite("tls1_2", "rsa", "RSA", part=openssl.ODD),
    "openssl-tls1.2-ecdhe": openssl.every_suite("tls1_2", "rsa", "ECDHE-RSA"),
    "openssl-tls1.2-dhe-1": openssl.every_suite("tls1_2", "rsa", "DHE-RSA", part=openssl.EVEN),
    "openssl-tls1.2-dhe-2": openssl.every_suite("tls1_2", "rsa", "DHE-RSA", part=openssl.ODD),
    "openssl-tls1.2-psk": openssl.every_suite("tls1_2", "rsa", "PSK"),
    "openssl-tls1.2-ecdhe-psk": openssl.every_suite("tls1_2", "rsa", "ECDHE-PSK"),
    "openssl-tls1.2-mac-first": openssl.every_suite(
        "tls1_2", "rsa", "RSA", options="-EncryptThenMac,-ExtendedMasterSecret", part=openssl.ODD
    ),
    "openssl-tls1.3": openssl.every_tls13_suite,
    "openssl-mutual-ec": openssl.mutual("ec"),
    "openssl-mutual-rsa": openssl.mutual("rsa"),
    "openssl-mutual-ed25519": openssl.mutual("ed25519"),
    "openssl-resumed": openssl.resumed,
    "openssl-sent-early": openssl.sent_early,
    "openssl-retried": openssl.retried,
    "openssl-changed-keys": openssl.changed_keys,
    "openssl-renegotiated": openssl.renegotiated,
    "openssl-asked-later": openssl.asked_later,
    "gnutls-camellia-gcm": openssl.camellia_gcm,
    "http-forms": proxies.http_forms,
    "http-2": proxies.http_2,
    "http-pipelined": proxies.pipelined,
    "http-upgraded": proxies.upgraded,
    "nginx-mutual": proxies.mutual_with_nginx,
    "haproxy-passed-through": proxies.passed_through,
    "haproxy-terminated": proxies.terminated,
    "tinyproxy-tunnelled": proxies.tunnelled,
}
