"""The short way of a message through tlslite-ng's layers: one function where nothing has to be waited for.

tlslite-ng hands each record through six generators, and makes an object for it in most of them. Here a record that is
there whole, in order and as it should be is opened and read at once, and one that is sent is written at once. Whatever
is unusual (missing bytes, alerts, wrong types, broken records, ciphers of TLS 1.2) is left to tlslite-ng, which finds
it as if nobody had looked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tlslite.constants import ContentType, HandshakeType
from tlslite.errors import TLSIllegalParameterException
from tlslite.messages import (
    ApplicationData,
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    EncryptedExtensions,
    Finished,
    RecordHeader3,
    ServerHello,
)
from tlslite.tlsconnection import TLSConnection
from tlslite.utils.codec import Parser

_HEAD = struct.Struct("!BBBH")
"""Of a record: type, version, length."""
_MESSAGE_HEAD_BYTES = 4
"""Of a handshake message: type, length."""
_SEAL_BYTES = 256
"""How much longer than its content a protected record may be (RFC 8446 section 5.2)."""
_TLS12 = (3, 3)
_HANDSHAKE, _DATA = ContentType.handshake, ContentType.application_data
_ALERT, _CHANGE_CIPHER_SPEC = ContentType.alert, ContentType.change_cipher_spec

_MESSAGES: Mapping[int, Callable[[Any, Any], Any]] = {
    HandshakeType.client_hello: lambda version, detail: ClientHello(),
    HandshakeType.server_hello: lambda version, detail: ServerHello(),
    HandshakeType.encrypted_extensions: lambda version, detail: EncryptedExtensions(),
    HandshakeType.certificate_request: lambda version, detail: CertificateRequest(version),
    HandshakeType.certificate: lambda version, detail: Certificate(detail, version),
    HandshakeType.certificate_verify: lambda version, detail: CertificateVerify(version),
    HandshakeType.finished: Finished,
}
"""Makes an empty message of the kinds of every handshake of TLS 1.3; the detail is what its reader has to know."""
_ENDS_ITS_RECORD = frozenset(
    (HandshakeType.client_hello, HandshakeType.server_hello, HandshakeType.finished)
)
"""In TLS 1.3 nothing may follow these in one record (RFC 8446 section 5.1)."""

Record = tuple[int, bytearray]
"""Content type and content; of type handshake, one whole message."""


class ShortWay(TLSConnection):  # type: ignore[misc] # tlslite-ng is not typed
    """A TLSConnection on a socket in memory that makes short work of what is usual."""

    _TAKES_RECORDS = True
    """Whether records are received by the short way; a class that has to see each of them says no."""

    _given_back: Record | None = None
    """Taken, and not what was looked for: tlslite-ng is given it next."""

    def _sendMsg(self, msg: Any, *details: Any, **named: Any) -> Iterable[int]:
        if self._send_at_once(msg, is_hashed=named.get("update_hashes", True)):
            return ()
        long_way: Iterable[int] = super()._sendMsg(msg, *details, **named)
        return long_way

    def _getMsg(
        self, expectedType: Any, secondaryType: Any = None, constructorType: Any = None
    ) -> Iterable[Any]:
        message = self._take_message(expectedType, secondaryType, constructorType)
        if message is not None:
            return self._examine(message)
        return self._wait_for(expectedType, secondaryType, constructorType)

    def _wait_for(self, *wanted: Any) -> Iterator[Any]:
        while self._is_silent():
            yield 0
            message = self._take_message(*wanted)
            if message is not None:
                yield from self._examine(message)
                return
        for result in super()._getMsg(*wanted):
            yield from (result,) if isinstance(result, int) else self._examine(result)

    def _examine(self, message: Any) -> Iterable[Any]:
        """What `_getMsg` gives for a message that has come: steps, each 0 or 1, and then the message."""
        return (message,)

    def _getNextRecord(self) -> Iterable[Any]:
        record = self._take_record()
        if record is not None:
            kind, content = record
            return ((RecordHeader3().create(self.version, kind, 0), Parser(content)),)
        long_way: Iterable[Any] = super()._getNextRecord()
        return long_way

    def _is_silent(self) -> bool:
        """Whether nothing has come that was not read, and something may yet come."""
        socket = self.sock.socket
        return self._TAKES_RECORDS and not (
            socket.incoming
            or socket.is_at_eof
            or self.sock._read_buffer
            or self._given_back is not None
            or self._defragmenter.buffers[_HANDSHAKE]
        )

    def _send_at_once(self, msg: Any, *, is_hashed: bool) -> bool:
        """Send a message as one record, in the clear or as TLS 1.3 protects it; False: nothing was done."""
        layer, kind = self._recordLayer, msg.contentType
        state = layer._writeState
        cipher = state.encContext
        is_protected = cipher is not None and kind != _CHANGE_CIPHER_SPEC
        if (cipher is not None or state.macContext is not None) and not layer._is_tls13_plus():
            return False
        content = msg.write()
        room = min(self._user_record_limit, layer.send_record_limit)
        if len(content) > room or layer.padding_cb is not None:
            return False
        if is_hashed and kind == _HANDSHAKE:
            self._handshake_hash.update(content)
        version = layer._recordSocket.version
        if not is_protected:
            self.sock.send(_HEAD.pack(kind, *version, len(content)) + content)
            return True
        # RFC 8446 section 5.2: the type is inside, behind the content.
        content = content + bytes((kind,))
        head = _HEAD.pack(_DATA, *version, len(content) + cipher.tagLength)
        self.sock.send(head + cipher.seal(_next_nonce(state), content, head))
        return True

    def _take_message(self, expected: Any, kinds: Any, detail: Any) -> Any:
        """The next message if it is there whole, and of an expected type and kind."""
        expected = expected if isinstance(expected, tuple) else (expected,)
        while (record := self._take_record()) is not None:
            kind, content = record
            if kind == _HANDSHAKE and kind in expected:
                message = self._read_handshake(content, kinds, detail)
            elif kind == _DATA and kind in expected and content:
                message = ApplicationData().create(content)
            elif kind == _CHANGE_CIPHER_SPEC and self._is_idle_change(expected, content):
                continue
            else:
                message = None
            if message is None:
                self._given_back = record
            return message
        return None

    def _is_idle_change(self, expected: tuple[int, ...], content: bytearray) -> bool:
        """Whether it is a ChangeCipherSpec as middleboxes like it, to be passed over (RFC 8446 section 5)."""
        return _HANDSHAKE in expected and self._middlebox_compat_mode and content == b"\x01"

    def _read_handshake(self, content: bytearray, kinds: Any, detail: Any) -> Any:
        kind = content[0]
        build = _MESSAGES.get(kind)
        if build is None or kind not in (kinds if isinstance(kinds, tuple) else (kinds,)):
            return None
        version = self.version
        if version > _TLS12 and kind in _ENDS_ITS_RECORD and self._defragmenter.buffers[_HANDSHAKE]:
            return None
        parser = Parser(content)
        parser.index = 1
        try:
            message = build(version, detail).parse(parser)
        except (SyntaxError, TLSIllegalParameterException):
            # tlslite-ng fails over it again, and sends the alert.
            return None
        self._handshake_hash.update(content)
        return message

    def _take_record(self) -> Record | None:
        """The next handshake message or other record, if it is there whole and can be opened."""
        given_back, self._given_back = self._given_back, None
        if given_back is not None:
            return given_back
        if not self._TAKES_RECORDS:
            return None
        buffers = self._defragmenter.buffers
        messages = buffers[_HANDSHAKE]
        if buffers[_ALERT] or buffers[_CHANGE_CIPHER_SPEC]:
            return None
        if not messages:
            record = open_record(self._recordLayer)
            if record is None or record[0] != _HANDSHAKE:
                return record
            messages += record[1]
        if len(messages) < _MESSAGE_HEAD_BYTES:
            return None
        end = _MESSAGE_HEAD_BYTES + int.from_bytes(messages[1:_MESSAGE_HEAD_BYTES], "big")
        if len(messages) < end:
            return None
        message = messages[:end]
        del messages[:end]
        return _HANDSHAKE, message


def open_record(layer: Any) -> Record | None:
    """Take the next record off a record layer and open it: a handshake in the clear, or whatever TLS 1.3 protects.

    None: it is not there whole, or something is not as it should be, and everything is as before.
    """
    state, buffer = layer._readState, _gather(layer.sock)
    if layer._early_data_ok or state.macContext is not None or len(buffer) < _HEAD.size:
        return None
    kind, major, minor, size = _HEAD.unpack_from(buffer)
    end, limit = _HEAD.size + size, layer._recordSocket.recv_record_limit
    if len(buffer) < end:
        return None
    cipher, is_new = state.encContext, layer._is_tls13_plus()
    content = buffer[_HEAD.size : end]
    if is_new and kind == _CHANGE_CIPHER_SPEC:
        pass
    elif cipher is None:
        if kind != _HANDSHAKE or not 0 < size <= limit:
            return None
    elif not is_new or kind != _DATA or (major, minor) != _TLS12 or size > limit + _SEAL_BYTES:
        return None
    else:
        opened = cipher.open(_make_nonce(state), content, buffer[: _HEAD.size])
        # Padded records, empty ones and broken ones are tlslite-ng's.
        if opened is None or len(opened) < 2 or len(opened) > limit or not opened[-1]:
            return None
        content, kind = opened, opened.pop()
        state.seqnum += 1
    del buffer[:end]
    return kind, content


def _gather(buffered: Any) -> bytearray:
    """Everything that has come, in tlslite-ng's buffer."""
    buffer: bytearray = buffered._read_buffer
    incoming = buffered.socket.incoming
    if incoming:
        buffer += incoming
        incoming.clear()
    return buffer


def _make_nonce(state: Any) -> bytes:
    """RFC 8446 section 5.3."""
    fixed = state.fixedNonce
    number: int = int.from_bytes(fixed, "big") ^ state.seqnum
    return number.to_bytes(len(fixed), "big")


def _next_nonce(state: Any) -> bytes:
    nonce = _make_nonce(state)
    state.seqnum += 1
    return nonce
