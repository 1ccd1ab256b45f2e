"""The rows: what the vendor's deployment documents say, one statement each, in our own words.

A scenario names the rows that it shows under `rows`. With a defect switched on it shows what breaks the statement, and
its findings are the checks that notice. `make rows` prints the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ROWS: Mapping[str, str] = MappingProxyType(
    {
        "A01": "only on-premises deployments have a cert proxy",
        "A02": "before it works: balancer configured, certificates uploaded, cert proxy running",
        "A03": "Destination Forced: one host or address, and every request goes there",
        "A04": "the destination is the load balancer or the local host",
        "A05": "not forced: an allow-list of CIDR, subnet and single addresses, semicolons between",
        "A06": "Allow RemotePort Header, on and off",
        "A07": "RemotePort holds the source port of the proxy's request, and tells where to call",
        "A08": "Accept RemotePort From: an allow-list of the same form",
        "A09": "both hashes of the certificate-proxy key are equal; if not, one is copied to the other",
        "A10": "5262 takes the device's request, 5263 the internal one",
        "A11": "Admin Port is on for the port of the internal request alone",
        "A12": "SSL Certificate Type: Passthrough shows the appliance's certificate, Custom an uploaded one",
        "A13": "Add Port: further ports with their own settings",
        "A14": "Save; then Restart Cert Proxy where certificates are affected, and perhaps the service",
        "A15": "every node is set up; a clone has most settings, and they are compared",
        "B01": "a default certificate, signed by itself, is made at installation",
        "B02": "where the balancer ends TLS, the certificate is applied to the balancer",
        "B03": "a request is made, and signed by an authority",
        "B04": "PEM: the whole chain in order, with its tags; the key in PKCS #1",
        "B05": "PFX with a password",
        "B06": "the common name is the name that users use; behind a balancer the balancer's",
        "B07": "TLS not ended at the balancer: the certificate names every node of the cluster",
        "B08": "a second data center: the names of both balancers, or a wildcard",
        "B09": "what was imported is what is shown after Save and restart",
    }
)
"""By id; rows of the third document (C01 to C17) have none yet."""
