"""SwiftExchange: the exchanges of many ordinary connections, briefly, all their bytes at hand."""

from __future__ import annotations

from itertools import chain

import numpy as np

from harness.capture.keylog import Secrets
from harness.decode.http.ordinary import OrdinaryHead, find_ordinary_head
from harness.decode.swift.data import Records, read_application_data
from harness.decode.swift.message import Message, read_turns
from harness.decode.swift.odd import OddError
from harness.decode.swift.turns import tell_exchanges
from harness.decode.tcp.talk_table import TalkTable
from harness.trace.brief import BriefExchange


def read_exchanges(talks: TalkTable, secrets: Secrets) -> list[tuple[BriefExchange, ...] | None]:
    """All exchanges of each connection; None: something is odd."""
    talked = [_read_whole(said) for said in read_application_data(talks, secrets)]
    messages = list(chain.from_iterable(filter(None, talked)))
    # Packets are found for all messages at once.
    begins = talks.find_packets(np.array([each.begin + 1 for each in messages], np.int64))
    ends = talks.find_packets(np.array([each.end for each in messages], np.int64))
    first, last = talks.numbers[begins].tolist(), talks.numbers[ends].tolist()
    times = talks.times[ends].tolist()
    found: list[tuple[BriefExchange, ...] | None] = []
    at = 0
    for turns in talked:
        if turns is None:
            found.append(None)
            continue
        mine = slice(at, at + len(turns))
        at = mine.stop
        try:
            found.append(tell_exchanges(turns, first[mine], last[mine], times[mine]))
        except OddError:
            found.append(None)
    return found


def _read_whole(said: tuple[Records, Records] | None) -> list[Message[OrdinaryHead]] | None:
    """Requests and answers in turn; None: something is odd, or not over."""
    if said is None:
        return None
    try:
        turns = read_turns(*said, find_ordinary_head)
    except OddError:
        return None
    return None if turns and turns[-1].left else turns
