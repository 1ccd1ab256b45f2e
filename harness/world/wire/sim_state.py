"""The states of a simulated TCP connection, its name, and the arithmetic of sequence numbers."""

from __future__ import annotations

import os
from enum import Enum, auto

MODULUS = 1 << 32
"""Sequence numbers wrap here."""


class State(Enum):
    """RFC 9293 section 3.3.2."""

    SYN_SENT = auto()
    SYN_RECEIVED = auto()
    ESTABLISHED = auto()
    FIN_WAIT_1 = auto()
    FIN_WAIT_2 = auto()
    CLOSE_WAIT = auto()
    CLOSING = auto()
    LAST_ACK = auto()
    TIME_WAIT = auto()
    CLOSED = auto()


Key = tuple[int, int, int, int]
"""Own address and port, the peer's address and port."""


def failure(number: int, text: str) -> ConnectionError:
    """The ConnectionError of an errno, with its words."""
    error = OSError(number, f"{text}: {os.strerror(number)}")
    return error if isinstance(error, ConnectionError) else ConnectionResetError(number, str(error))


def difference(number: int, expected: int) -> int:
    """How far a 32 bit number lies ahead of (or, negative, behind) the expected one."""
    return (number - expected + (MODULUS >> 1)) % MODULUS - (MODULUS >> 1)
