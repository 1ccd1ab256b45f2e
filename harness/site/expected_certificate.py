"""The expected certificate: what the site says about the certificate that one place shows."""

from __future__ import annotations

import re

from harness.site.model import Model

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class ExpectedCertificate(Model):
    """A server certificate by its fingerprint, or by who issued it."""

    sha256: str = ""
    """SHA-256 fingerprint of the server's own certificate, hex, with colons or without. "" for any."""
    issuer: str = ""
    """Its issuer as `harness certificate check` and `harness show` write it (RFC 4514). "" for any."""

    @property
    def fingerprint(self) -> str:
        """Lower-case hex without colons; "" for any."""
        return self.sha256.replace(":", "").lower()

    @property
    def is_fingerprint(self) -> bool:
        """Whether the fingerprint, if given, is one."""
        return not self.sha256 or _SHA256.fullmatch(self.fingerprint) is not None
