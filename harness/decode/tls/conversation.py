"""What is known of a TLS connection while it is decoded: facts, hellos, both directions, keys, problems.

The rules of order are in tls_session.py, those of the handshake in tls_dialogue.py; all changes of keys are here.
"""

from __future__ import annotations

from typing import Literal

from harness.capture.keylog import Secrets
from harness.decode.detail import EVERYTHING, Detail
from harness.decode.tls.epoch import Epoch, MissingKeysError, Stage
from harness.decode.tls.facts import SessionFacts
from harness.decode.tls.flow import Flow
from harness.decode.tls.negotiation import Negotiation
from harness.decode.tls.plaintext import Plaintext
from harness.trace.http import Malformed
from harness.trace.tls import Seen, Side, TlsSession

MALFORMED_LIMIT = 64
"""Malformed observations kept of one connection."""
UNSEEN_FLIGHT = 8
"""Protected records that may precede the first one after a lost ChangeCipherSpec: Finished and a few more."""

_TLS13_STAGES: dict[Stage, Stage] = {"early": "handshake", "handshake": "application"}


class Conversation:
    """The state that records and handshake messages change."""

    __slots__ = (
        "_stops",
        "client",
        "facts",
        "hellos",
        "malformed",
        "opened_count",
        "plaintexts",
        "problem",
        "server",
    )

    def __init__(self, secrets: Secrets, detail: Detail = EVERYTHING) -> None:
        """Start with nothing seen."""
        self._stops = detail.level != "exchanges"
        self.facts = SessionFacts(hashes=detail.hashes_streams)
        self.hellos = Negotiation(secrets)
        self.client = Flow("client")
        self.server = Flow("server")
        self.plaintexts: list[Plaintext] = []
        """Not given to the caller yet."""
        self.malformed: list[Malformed] = []
        self.problem: str | None = None
        """Why not everything is decrypted."""
        self.opened_count = 0
        """Records that were opened."""

    def build(self) -> tuple[TlsSession, tuple[Malformed, ...]]:
        """The session as it is known now."""
        decrypted: Literal["yes", "partly", "no"] = "yes"
        if self.problem is not None:
            decrypted = "partly" if self.opened_count else "no"
        whole = {flow.side: flow.is_whole for flow in (self.client, self.server)}
        return self.facts.build(decrypted, self.problem, whole), tuple(self.malformed)

    def take_plaintexts(self) -> tuple[Plaintext, ...]:
        """What was decrypted since the last call."""
        if not self.plaintexts:
            return ()
        plaintexts, self.plaintexts = tuple(self.plaintexts), []
        return plaintexts

    def switch(self, flow: Flow, stage: Stage, seen: Seen) -> None:
        """Go on with the keys of `stage`, or without any."""
        try:
            self.use(flow, self.hellos.build_epoch(flow.side, stage), seen)
        except MissingKeysError as error:
            flow.epoch = None
            self.seal(flow, str(error))

    def use(self, flow: Flow, epoch: Epoch, seen: Seen) -> None:
        """Go on with these keys; `seen` is the message that changed them."""
        # RFC 8446 section 5.1: a message cannot go on under other keys.
        size = flow.messages.clear()
        if size:
            self.report(
                flow.side, f"{size} bytes of a handshake message before a change of keys", seen
            )
        flow.epoch = epoch
        flow.lost_limit = 0
        flow.suspects.clear()

    def find_successor(self, flow: Flow) -> Epoch | None:
        """The keys that follow the current ones, where the message that changes them was not seen."""
        epoch = flow.epoch
        if epoch is None or epoch.stage == "tls12":
            return None
        if epoch.stage == "application":
            return epoch.build_updated()
        return self.hellos.find_epoch(flow.side, _TLS13_STAGES[epoch.stage])

    def enter_unseen(self, flow: Flow, seen: Seen) -> None:
        """Protected records begin, and what announced them is missing."""
        lost_limit = flow.lost_limit
        self.switch(flow, "handshake" if self.hellos.is_tls13 else "tls12", seen)
        flow.lost_limit = lost_limit + UNSEEN_FLIGHT

    def seal(self, flow: Flow, reason: str) -> None:
        """Open nothing more of this direction; the reason is noted where a protected record comes."""
        flow.sealed = reason
        flow.messages.clear()

    def lose(self, flow: Flow, reason: str, seen: Seen) -> None:
        """Bytes of a direction are missing or useless."""
        flow.has_hole = True
        flow.messages.gap()
        self.note(reason)
        self.mark_gap(flow, seen)

    def emit(self, flow: Flow, data: bytes, seen: Seen) -> None:
        """Give application data."""
        self.facts.see_plaintext(flow.side, data, seen)
        self.plaintexts.append(Plaintext(side=flow.side, data=data, seen=seen))

    def mark_gap(self, flow: Flow, seen: Seen) -> None:
        """Plaintext is missing at this place."""
        flow.is_whole = False
        self.plaintexts.append(Plaintext(side=flow.side, data=b"", seen=seen, follows_gap=True))

    def note(self, reason: str) -> None:
        """Why not everything is decrypted; the first reason stays."""
        if self.problem is None:
            self.problem = reason

    def report(self, sender: Side, message: str, seen: Seen) -> None:
        """Bytes that are not what they should be."""
        if len(self.malformed) < MALFORMED_LIMIT:
            malformed = Malformed(sender=sender, layer="tls", message=message, packets=seen.packets)
            self.malformed.append(malformed)

    def see_opened(self, flow: Flow) -> None:
        """A record was opened: the keys are right, so what they did not open before was wrong."""
        self.opened_count += 1
        if flow.suspects:
            self.blame(flow)

    def blame(self, flow: Flow) -> None:
        """Report the records that right keys did not open."""
        for message, seen in flow.suspects:
            self.report(flow.side, message, seen)
        flow.suspects.clear()

    def awaits_early_answer(self, flow: Flow) -> bool:
        """Early data may have come, and the server has not said yet whether it takes it."""
        hellos, epoch = self.hellos, flow.epoch
        if (
            not hellos.is_tls13
            or hellos.early_data_accepted is not None
            or not hellos.offers_early_data
        ):
            return False
        server = self.server
        is_open = (
            server.epoch is not None and server.epoch.stage == "handshake" and not server.has_hole
        )
        return is_open and epoch is not None and (epoch.stage == "early" or epoch.seq == 0)

    @property
    def is_over(self) -> bool:
        """Only the handshake is wanted, and both sides have finished it, or what follows cannot be read."""
        if not self._stops:
            return False
        if len(self.facts.finished) == 2:
            return True
        return (
            self.client.sealed is not None
            and self.server.sealed is not None
            and self.hellos.is_tls13
        )

    def flow(self, side: Side) -> Flow:
        """The direction that a side sends."""
        return self.client if side == "client" else self.server
