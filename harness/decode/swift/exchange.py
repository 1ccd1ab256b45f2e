"""SwiftExchange: the requests and answers of one ordinary connection, briefly.

Ordinary: HTTP/1.1, one request after the other, each answered before the next; each message begins and ends with a
record; heads whole and without anything that a reader could take in two ways; bodies of a known length.
"""

from __future__ import annotations

from harness.capture.keylog import Secrets
from harness.decode.http.head import find_ordinary_head
from harness.decode.http.reader import MAX_HEAD_SIZE
from harness.decode.swift.data import Records, read_application_data
from harness.decode.swift.hello import OddError
from harness.decode.tcp.run import Run
from harness.decode.tcp.talk import Talk
from harness.trace.brief import BriefExchange
from harness.trace.packet import PacketNumber

Message = tuple[tuple[bytes, ...], PacketNumber, PacketNumber, int, bool]
"""Method and target, or status; first and last packet; time of the last; the sender closes after it."""
_BODILESS = (b"204", b"304")
_REFUSED = (b"CONNECT", b"PROXY")
"""Methods after which something else than HTTP may follow, or be meant."""


def read_exchanges(talk: Talk, secrets: Secrets) -> tuple[BriefExchange, ...]:
    """All exchanges of a connection; raises OddError."""
    asked, answered = read_application_data(talk, secrets)
    requests = _read_messages(talk.client, asked, None)
    responses = _read_messages(talk.server, answered, requests)
    if len(responses) < len(requests) - 1:
        raise OddError
    found: list[BriefExchange] = []
    before, was_last = 0, False
    for index, ((method, target), begin, end, asked_ns, is_last) in enumerate(requests):
        if begin <= before or was_last:
            raise OddError
        if index == len(responses):
            found.append(BriefExchange(asked_ns, method, target, None, None))
            break
        (status,), begin, before, answered_ns, closes = responses[index]
        if begin <= end:
            raise OddError
        was_last = is_last or closes
        found.append(BriefExchange(asked_ns, method, target, answered_ns, int(status)))
    return tuple(found)


def _read_messages(run: Run, records: Records, requests: list[Message] | None) -> list[Message]:
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
        first, last = run.find_packet(begin + 1), run.find_packet(end)
        numbers = run.numbers
        found.append((head.start, numbers[first], numbers[last], run.times[last], head.is_last))
    return found
