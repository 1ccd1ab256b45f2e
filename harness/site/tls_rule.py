"""The TLS rule: what a site's own rules (`oldest_tls`, `tls_suites`) leave of what its machines could take.

A suite of TLS 1.3 names a cipher alone; one of TLS 1.2 has `_WITH_` in its name and says how keys are agreed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.site.problem import Problem, show
from harness.site.site import Site

Version = Literal["1.2", "1.3"]

CIPHERS = ("AES_128_GCM", "AES_256_GCM", "CHACHA20_POLY1305")
EXCHANGES = ("ECDHE_ECDSA", "ECDHE_RSA")
_WITH = "_WITH_"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsRule:
    """What servers of a site may take, in the words of the IANA names."""

    oldest: Version = "1.2"
    newest: Version = "1.3"
    ciphers: tuple[str, ...] = CIPHERS
    """Of both versions where both are left."""
    exchanges: tuple[str, ...] = EXCHANGES
    """Of TLS 1.2."""
    suites: tuple[str, ...] = ()
    """The site's own list; (): any."""

    @property
    def suites_of_1_3(self) -> tuple[str, ...]:
        """Those of the list that TLS 1.3 knows."""
        return tuple(suite for suite in self.suites if _WITH not in suite)

    @property
    def suites_of_1_2(self) -> tuple[str, ...]:
        """Those of the list that TLS 1.2 knows."""
        return tuple(suite for suite in self.suites if _WITH in suite)


def read_tls_rule(site: Site) -> TlsRule:
    """The rule of a site; nothing is left of it where `find_tls_problems` finds something."""
    oldest: Version = "1.3" if site.oldest_tls == "1.3" else "1.2"
    newest, suites = site.tls, site.tls_suites
    if not suites:
        return TlsRule(oldest=oldest, newest=newest)
    rule = TlsRule(suites=suites)
    new, old = _find_ciphers(rule.suites_of_1_3), _find_ciphers(rule.suites_of_1_2)
    if not new:
        newest = "1.2"
    # Servers here have one list of ciphers for both versions.
    both = tuple(cipher for cipher in new if cipher in old)
    if not old or (new and not both):
        oldest = "1.3"
    ciphers = both or (new if oldest == "1.3" else old)
    if oldest == newest:
        ciphers = new if newest == "1.3" else old
    exchanges = tuple(
        one for one in EXCHANGES if any(f"_{one}{_WITH}" in suite for suite in rule.suites_of_1_2)
    )
    return TlsRule(
        oldest=oldest, newest=newest, ciphers=ciphers, exchanges=exchanges, suites=suites
    )


def find_tls_problems(site: Site) -> Iterator[Problem]:
    """Rules of a site that is to be built which leave nothing to speak."""
    rule = read_tls_rule(site)
    if rule.oldest <= rule.newest and rule.ciphers:
        return
    if site.tls_suites:
        yield Problem(
            path=("tls_suites",),
            found=show(", ".join(site.tls_suites)),
            expected=f"a suite that machines with tls: {site.tls} speak, such as {_example(site.tls)}",
        )
    else:
        yield Problem(
            path=("oldest_tls",),
            found=show(site.oldest_tls),
            expected=f"at most {site.tls}, which is the newest that its machines speak (tls)",
        )


def _find_ciphers(suites: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(cipher for cipher in CIPHERS if any(f"_{cipher}_" in suite for suite in suites))


def _example(version: str) -> str:
    if version == "1.3":
        return "TLS_AES_128_GCM_SHA256"
    return "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
