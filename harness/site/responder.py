"""The responder's contract: the machine that tells whether user certificates are revoked, and what it is asked for."""

from __future__ import annotations

RESPONDER = "responder"
"""Name of the machine."""
OCSP_TARGET = "/ocsp"
"""Where an OCSP request goes, by POST (RFC 6960 appendix A.1)."""
CRL_TARGET = "/users.crl"
"""Where the list of revoked certificates is."""
