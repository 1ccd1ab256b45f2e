"""Swift: what a whole, ordinary connection holds. All of it is at hand: nothing is carried from packet to packet."""

from __future__ import annotations

from harness.capture.keylog import Secrets
from harness.decode.detail import Detail
from harness.decode.layer_fields import LayerFields
from harness.decode.proxy_header import find_proxy_header
from harness.decode.sniff import sniff_client
from harness.decode.swift.hello import OddError
from harness.decode.swift.http import read_exchanges
from harness.decode.swift.tls import SwiftTls
from harness.decode.tcp.talk import Talk


def read_swiftly(talk: Talk, secrets: Secrets, detail: Detail) -> LayerFields | None:
    """The same as LayerStack finds in these bytes; None: something is odd, so ask that one."""
    runs = talk.build_runs()
    if not runs or secrets.needs_key_exchange:
        return None
    side, run = runs[0]
    if side != "client" or find_proxy_header(run.data) != 0 or sniff_client(run.data) != "tls":
        return None
    tls = SwiftTls(secrets, detail)
    try:
        tls.read(runs)
        session = tls.build()
        is_wanted = detail.level == "exchanges"
        exchanges = read_exchanges(tls.pieces, detail) if is_wanted else ()
    except OddError:
        return None
    return LayerFields(preamble=None, tls=session, exchanges=exchanges, malformed=(), tunnel=None)
