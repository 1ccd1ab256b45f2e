"""Express: whole TLS records of a run, where nothing waits and nothing is missing; the same steps with less to carry.

It stops before the first record that needs more care: cut, out of order, after a hole, or early data.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.decode.tcp.run import Run
from harness.decode.tls.cipher import BadRecordError
from harness.decode.tls.conversation import Conversation
from harness.decode.tls.flow import Flow
from harness.decode.tls.record import (
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    FRAGMENT_LIMIT,
    HEADER_SIZE,
    Record,
)
from harness.trace.tls import Seen


class Express:
    """Reads runs of one connection."""

    __slots__ = ("_follow", "_handle", "_state")

    def __init__(
        self,
        state: Conversation,
        handle: Callable[[Flow, Record], None],
        follow: Callable[[Flow, int, bytes, Seen], None],
    ) -> None:
        """Take the state, and who handles a record, and what was opened of one."""
        self._state = state
        self._handle = handle
        self._follow = follow

    def read(self, flow: Flow, run: Run, begin: int) -> int:
        """Handle whole records from `begin` on; gives the offset of the first byte that was not used."""
        data = run.data
        size = len(data)
        while begin + HEADER_SIZE <= size:
            if self._state.is_over:
                return size
            kind = data[begin]
            end = begin + HEADER_SIZE + (data[begin + 3] << 8 | data[begin + 4])
            if (
                end > size
                or not 20 <= kind <= 24
                or data[begin + 1] != 3
                or data[begin + 2] > 4
                or end - begin > FRAGMENT_LIMIT
                or self._needs_care(flow, kind)
            ):
                break
            self._read_record(flow, kind, run, begin, end)
            begin = end
        return begin

    def _needs_care(self, flow: Flow, kind: int) -> bool:
        """A record that may have to wait for the other side, or follows a hole."""
        hellos = self._state.hellos
        if flow.lost_limit or flow.has_hole:
            return True
        if flow is self._state.server:
            if not hellos.client_hellos or hellos.is_retry_pending:
                return True
            return kind == CHANGE_CIPHER_SPEC and len(hellos.server_hellos) > len(
                hellos.client_hellos
            )
        if kind == CHANGE_CIPHER_SPEC:
            return not hellos.is_answered
        if kind != APPLICATION_DATA:
            return False
        return hellos.offers_early_data or (flow.epoch is None and not hellos.is_answered)

    def _read_record(self, flow: Flow, kind: int, run: Run, begin: int, end: int) -> None:
        data = run.data
        header = data[begin : begin + HEADER_SIZE]
        fragment = data[begin + HEADER_SIZE : end]
        epoch = flow.epoch
        if (
            epoch is not None
            and flow.sealed is None
            and (kind == APPLICATION_DATA or epoch.stage == "tls12")
            and not epoch.opener.has_state
        ):
            try:
                inner, content = epoch.opener.open(epoch.seq, header, fragment)
            except BadRecordError:
                pass  # It is tried again below, and what is wrong with it is told.
            else:
                epoch.seq += 1
                flow.failure_count = 0
                self._follow(flow, inner, content, run.seen(begin, end))
                return
        self._handle(flow, Record(header=header, fragment=fragment, spans=run.spans(begin, end)))
