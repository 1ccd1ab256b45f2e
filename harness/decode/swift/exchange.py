"""SwiftExchange: the requests and answers of ordinary connections, briefly.

Ordinary: HTTP/1.1, one request after the other, each answered before the next; each message begins and ends with a
record; heads whole and without anything that a reader could take in two ways; bodies of a known length.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

from harness.capture.keylog import Secrets
from harness.decode.http.head import find_ordinary_head
from harness.decode.http.reader import MAX_HEAD_SIZE
from harness.decode.swift.data import Records, read_application_data
from harness.decode.swift.odd import OddError
from harness.decode.tcp.talk_table import TalkTable
from harness.trace.brief import BriefExchange

Message = tuple[tuple[bytes, ...], int, int, bool]
"""Method and target, or status; where its first record begins and its last one ends; the sender closes after it."""
_BODILESS = (b"204", b"304")
_REFUSED = (b"CONNECT", b"PROXY")
"""Methods after which something else than HTTP may follow, or be meant."""


def read_exchanges(talks: TalkTable, secrets: Secrets) -> list[tuple[BriefExchange, ...] | None]:
    """All exchanges of each connection; None: something is odd."""
    talked = [_read_messages(said) for said in read_application_data(talks, secrets)]
    messages = list(chain.from_iterable(filter(None, talked)))
    first = talks.find_packets(np.array([begin + 1 for _, begin, _, _ in messages], np.int64))
    last = talks.find_packets(np.array([end for _, _, end, _ in messages], np.int64))
    row = np.repeat(np.arange(len(talked)), [len(each or ()) for each in talked])
    # Each message begins when the one before has ended.
    early = (row[1:] == row[:-1]) & (talks.numbers[first[1:]] <= talks.numbers[last[:-1]])
    odd = set(row[1:][early].tolist())
    times = talks.times[last].tolist()
    found: list[tuple[BriefExchange, ...] | None] = []
    at = 0
    for index, each in enumerate(talked):
        if each is None:
            found.append(None)
            continue
        after = at + len(each)
        found.append(_build(each, times[at:after]) if index not in odd else None)
        at = after
    return found


def _build(messages: list[Message], times: list[int]) -> tuple[BriefExchange, ...]:
    """Requests and answers in turn."""
    found: list[BriefExchange] = []
    for index in range(0, len(messages), 2):
        method, target = messages[index][0]
        answered_ns = status = None
        if index + 1 < len(messages):
            answered_ns, status = times[index + 1], int(messages[index + 1][0][0])
        found.append(BriefExchange(times[index], method, target, answered_ns, status))
    return tuple(found)


def _read_messages(said: tuple[Records, Records] | None) -> list[Message] | None:
    """Requests and answers in turn; None: something is odd."""
    if said is None:
        return None
    try:
        requests = _read_side(said[0], None)
        responses = _read_side(said[1], requests)
    except OddError:
        return None
    if len(responses) < len(requests) - 1:
        return None
    messages: list[Message] = []
    for index, request in enumerate(requests):
        messages.append(request)
        messages += responses[index : index + 1]
    # Nothing follows where a side wanted to close.
    if any(is_last for _, _, _, is_last in messages[: 2 * len(requests) - 2]):
        return None
    return messages


def _read_side(records: Records, requests: list[Message] | None) -> list[Message]:
    """All messages of one side; `requests` are those that the server answers, None for the client."""
    found: list[Message] = []
    index, count = 0, len(records)
    while index < count:
        content, begin, end = records[index]
        index += 1
        head = find_ordinary_head(content, is_request=requests is None, limit=MAX_HEAD_SIZE)
        if head is None or head.start[0] in _REFUSED:
            raise OddError
        left = head.length
        if requests is None:
            left = left or 0
        elif len(found) == len(requests):
            raise OddError
        elif requests[len(found)][0][0] == b"HEAD" or head.start[0] in _BODILESS:
            left = 0
        elif left is None:
            raise OddError
        left -= len(content) - head.size
        while left > 0 and index < count:
            content, _, end = records[index]
            left -= len(content)
            index += 1
        if left:
            raise OddError
        found.append((head.start, begin, end, head.is_last))
    return found
