"""Message: the HTTP messages of an ordinary connection, by the records that they fill. All swift ways read them here.

An ordinary connection (RFC 9112 section 9.3, without pipelining):

    each message begins and ends with a record, and its head is whole in the first one
    each request is answered before the next one begins, and each answer begins when its request is over
    nothing follows the turn in which a side said that it closes
    only after CONNECT something else may follow (RFC 9110 section 9.3.6), so nothing more is read

What a head is and how long its body is, `FindHead` says: decode/http/ordinary.py in brief forms, http.py beside this
in the full one. What is not ordinary raises OddError, and is left to the careful reader, which knows all rules: in
decode/http, reader.py has those of one side, http1.py those of whose answer it is, head.py those of heads and lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import le
from typing import Generic, NamedTuple, Protocol, TypeVar

from harness.decode.swift.odd import OddError
from harness.decode.swift.record import Record

_CONNECT = b"CONNECT"


class Head(Protocol):
    """What a message says about itself."""

    @property
    def start(self) -> tuple[bytes, ...]:
        """Method and target, or the status."""

    @property
    def size(self) -> int:
        """Bytes of the head."""

    @property
    def body_size(self) -> int:
        """Bytes that follow it."""

    @property
    def is_last(self) -> bool:
        """The sender closes the connection after it."""


H = TypeVar("H", bound=Head)
FindHead = Callable[[bytes, bytes | None], H | None]
"""The head with which a record begins, by the method of the request that it answers (None: it is one).

None: it is odd.
"""


class Message(NamedTuple, Generic[H]):
    """A request or an answer, or the start of one."""

    head: H
    first: bytes
    """What its first record holds."""
    begin: int
    """Where its first record begins."""
    end: int
    """Where its last record, so far, ends."""
    left: int
    """Bytes still to come."""


def read_turns(
    asked: Iterable[Record],
    answered: Iterable[Record],
    find_head: FindHead[H],
    before: Sequence[Message[H]] = (),
) -> list[Message[H]]:
    """Requests and answers in turn; the last one may have no answer, and the last message may not be over.

    Raises OddError; whether each began after the one before, `check_order` says.

    Args:
        asked: What the client's records hold.
        answered: As for the client.
        find_head: Reads a head.
        before: The last turn of an earlier call, which begins what is found now.
    """
    requests = _read_side(asked, find_head, None, before[:1])
    responses = _read_side(answered, find_head, requests, before[1:])
    if len(requests) > len(responses) + 1:
        raise OddError
    turns = [*requests, *responses]
    turns[::2] = requests
    turns[1::2] = responses
    for message in turns[:-1]:
        if message.left:
            raise OddError
    for message in turns[: 2 * len(requests) - 2]:
        if message.head.is_last:
            raise OddError
    return turns


def check_order(first: Sequence[int], last: Sequence[int]) -> None:
    """Each message begins when the one before has ended; raises OddError.

    Args:
        first: Of each message of `read_turns` the packet, or other place in the order of both sides, of its first byte.
        last: The same of its last byte.
    """
    if any(map(le, first[1:], last)):
        raise OddError


def _read_side(
    records: Iterable[Record],
    find_head: FindHead[H],
    requests: list[Message[H]] | None,
    before: Sequence[Message[H]],
) -> list[Message[H]]:
    """All messages of one side; `requests` are those that the server answers, None for the client."""
    found = [*before]
    left, method = 0, None
    if found and found[-1].left:
        head, first, begin, end, left = found.pop()
    for content, record_begin, end in records:
        if left:
            left -= len(content)
        else:
            if requests is not None:
                if len(found) == len(requests):
                    raise OddError
                method = requests[len(found)].head.start[0]
            new = find_head(content, method)
            if new is None:
                raise OddError
            head, first, begin = new, content, record_begin
            left = head.size + head.body_size - len(content)
        if left > 0:
            continue
        if left < 0 and method != _CONNECT:
            raise OddError
        found.append(Message(head, first, begin, end, 0))
        if _CONNECT in (method, head.start[0]):
            return found
    if left:
        found.append(Message(head, first, begin, end, left))
    return found
