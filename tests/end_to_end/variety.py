"""Variety: what a good deployment may have besides, so that no check takes the unusual for wrong.

Each function changes a drawn scenario, or leaves it alone where it would not be good any more.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Literal

Drawn = dict[str, Any]
Wire = Literal["kernel", "sim"]
VIP, EDGE = "10.20.0.10", "10.20.0.9"


def enrich(random: Random, scenario: Drawn, *, wire: Wire) -> None:
    """Give it up to three of these."""
    features = _FEATURES if wire == "kernel" else (*_FEATURES, *_SIMULATED)
    for feature in random.sample(features, random.randrange(4)):
        feature(random, scenario)


def _is_terminating(site: Drawn) -> bool:
    return [b["443"] for b in site.get("balancers", {}).values()] == ["terminate"]


def _resume(random: Random, scenario: Drawn) -> None:
    """Devices come back with their sessions."""
    site = scenario["site"]
    ways = ("tickets", "session_ids") if site["tls"] == "1.2" else ("tickets",)
    site["resumption"] = random.choice(ways)
    _again(random, scenario)


def _again(random: Random, scenario: Drawn) -> None:
    """Somebody signs in twice more."""
    names = [n for n in scenario["devices"] if n not in ("fleet", "stranger")]
    for name in random.choices(names, k=2):
        scenario["steps"].append({"device": name, "sign_in": random.choice(("jira", "mail"))})


def _ask_responder(random: Random, scenario: Drawn) -> None:
    """Certificates are looked up; OCSP may fail where the list is asked after it."""
    method = random.choice(("ocsp", "crl", "ocsp_then_crl"))
    scenario["site"]["revocation"] = {"address": "10.20.0.53", "method": method}
    if method == "ocsp_then_crl":
        odd = random.choice(("right", "try_later", "expired", "unknown", "forged", "other_nonce"))
        scenario["responder"] = {"ocsp": odd}


def _offload(random: Random, scenario: Drawn) -> None:
    """The nodes are reached in clear text."""
    del random
    if _is_terminating(scenario["site"]):
        for balancer in scenario["site"]["balancers"].values():
            balancer["443"] = "offload"


def _newer_page(random: Random, scenario: Drawn) -> None:
    """Generation B, and the node's address from another header perhaps."""
    site = scenario["site"]
    if _is_terminating(site) and "edge" not in site["balancers"]:
        source = random.choice(("x_real_ip", "x_forwarded_for"))
        page = {"generation": "B", "remote_ip_source": source}
        site["cert_proxy"] |= page | {"cert_proxy_instances": "10.20.1.0/24"}


def _second_balancer(random: Random, scenario: Drawn) -> None:
    """One more in front of the first."""
    site = scenario["site"]
    del random
    page = site["cert_proxy"]
    is_plain = page.get("destination_forced", True) and page.get("generation") != "B"
    if not is_plain or not _is_terminating(site) or {"further_addresses", "translated"} & {*site}:
        return
    edge = {"address": EDGE, "443": "terminate", "to": ["vip"]}
    site["balancers"] = {"edge": edge, **site["balancers"]}
    site["cert_proxy"] |= {"number_of_load_balancers": 2}


def _both_families(random: Random, scenario: Drawn) -> None:
    """IPv6 beside IPv4, and a device that has nothing else."""
    site = scenario["site"]
    if not _is_terminating(site) or site["cert_proxy"].get("generation") == "B":
        return
    if not site["cert_proxy"].get("destination_forced", True) or {"edge", "translated"} & {
        *site,
        *site["balancers"],
    }:
        return
    number = random.randrange(1, 9)
    further = {n: [f"2001:db8:20:{number}::{i}"] for i, n in enumerate(site["nodes"], 1)}
    site["further_addresses"] = further | {"vip": ["2001:db8:20::10"]}
    site["cert_proxy"]["accept_remote_port_from"] = f"{VIP}; 2001:db8:20::10"
    scenario["devices"]["six"] = {"user": "six@example.com", "address": "2001:db8:113::7"}
    scenario["expect"]["signed_in"]["six"] = "six@example.com"
    scenario["steps"].insert(0, {"device": "six", "sign_in": "mail", "requests": 2})


def _probe(random: Random, scenario: Drawn) -> None:
    """The balancer looks after its nodes, anywhere in between."""
    if scenario["site"].get("balancers"):
        steps = scenario["steps"]
        steps.insert(random.randrange(len(steps) + 1), {"probe": "vip"})


def _speechless(random: Random, scenario: Drawn) -> None:
    """A device opens a tunnel and has nothing to say, or asks for something that is refused."""
    device = random.choice([n for n in scenario["devices"] if n not in ("fleet", "stranger")])
    target = random.choice(("access.example.com:443", "elsewhere.example.com:443"))
    text = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
    scenario["steps"].append({"device": device, "to_proxy": text})


def _limits(random: Random, scenario: Drawn) -> None:
    """A rule about TLS that everybody keeps, and a lifetime that nobody reaches."""
    site = scenario["site"]
    site["oldest_tls"] = random.choice(("1.0", "1.2"))
    site["certificate_lifetime_s"] = 300


def _speak_http2(random: Random, scenario: Drawn) -> None:
    """Balancers offer HTTP/2, and some devices take it, where there is somebody to offer it."""
    for balancer in scenario["site"].get("balancers", {}).values():
        balancer["http2"] = random.random() < 0.8
    for device in scenario["devices"].values():
        device["http2"] = random.random() < 0.6


def _hide(random: Random, scenario: Drawn) -> None:
    """Devices share an address, and perhaps ports behind it."""
    for device in scenario["devices"].values():
        if "address" not in device and random.random() < 0.7:
            device["behind"] = "198.51.100.7"


def _translate(random: Random, scenario: Drawn) -> None:
    """The balancer knows the nodes by other addresses."""
    del random
    site = scenario["site"]
    page = site["cert_proxy"]
    is_plain = page.get("destination_forced", True) and page.get("generation") != "B"
    if is_plain and _is_terminating(site) and "further_addresses" not in site:
        site["translated"] = {n: f"192.0.2.{10 + i}" for i, n in enumerate(site["nodes"])}


def _skew(random: Random, scenario: Drawn) -> None:
    """A clock that is off by less than a proof may be old."""
    node = random.choice(tuple(scenario["site"]["nodes"]))
    scenario["steps"].insert(
        0, {"clock": node, "ahead": f"{random.choice(('', '-'))}{random.randrange(1, 20)}s"}
    )


def _rest(random: Random, scenario: Drawn) -> None:
    """Hours in which nothing happens, and everybody comes back."""
    scenario["steps"].append({"wait": f"{random.randrange(31, 600)}m"})
    _again(random, scenario)


_FEATURES: tuple[Callable[[Random, Drawn], None], ...] = (
    _resume,
    _ask_responder,
    _offload,
    _newer_page,
    _second_balancer,
    _both_families,
    _probe,
    _speechless,
    _limits,
    _speak_http2,
)
_SIMULATED: tuple[Callable[[Random, Drawn], None], ...] = (_hide, _translate, _skew, _rest)
