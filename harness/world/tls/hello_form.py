"""A form of ClientHello: what one client says in all its hellos, with room for what is new in each.

Putting a hello together takes tlslite-ng an object and several buffers for each extension. Two hellos of the same
client to the same name differ in their random, the session id that middleboxes like to see, and the key share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tlslite.constants import ExtensionType
from tlslite.extensions import ClientKeyShareExtension
from tlslite.messages import ClientHello

_RANDOM = slice(6, 38)
"""Where the random is (RFC 8446 section 4.1.2), behind type, length and version."""
_SESSION_ID_AT = 39
_SHARE_HEAD_BYTES = 10
"""Before the key itself: type and length of the extension, length of the list, group, length of the key."""
RANDOM_BYTES = 32
_FORMS = 256
"""Remembered with one set of settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloForm:
    """One form."""

    wire: bytes
    """A hello that was sent."""
    fields: Mapping[str, Any]
    """Of that hello, as tlslite-ng has them; without what it changes when a server asks for another hello."""
    extensions: tuple[Any, ...]
    group: int
    """Of the key share."""
    share: int
    """0-based place of the key share among its extensions."""
    share_at: int
    """Where the key is in `wire`."""

    def fill(self, *, random: bytes, session_id: bytes, entry: Any) -> Any:
        """Another hello of this form; `entry` is tlslite-ng's key share, of the same group."""
        wire = bytearray(self.wire)
        key = entry.key_exchange
        wire[_RANDOM] = random
        wire[_SESSION_ID_AT : _SESSION_ID_AT + RANDOM_BYTES] = session_id
        wire[self.share_at : self.share_at + len(key)] = key
        assert len(wire) == len(self.wire), "a key share of another size"
        hello = ClientHello()
        hello.__dict__.update(self.fields)
        hello.random, hello.session_id = random, session_id
        hello.extensions = list(self.extensions)
        hello.extensions[self.share] = ClientKeyShareExtension().create([entry])
        hello.write = wire.copy
        return hello


def find_form(hello: Any) -> HelloForm | None:
    """The form of a hello that was sent; None where it has none: another version, no key share or several."""
    wire = bytes(hello.write())
    for place, extension in enumerate(hello.extensions):
        if extension.extType != ExtensionType.key_share:
            continue
        if len(extension.client_shares) != 1 or len(hello.session_id) != RANDOM_BYTES:
            return None
        rest = sum(len(each.write()) for each in hello.extensions[place:])
        at = len(wire) - rest + _SHARE_HEAD_BYTES
        return HelloForm(
            wire=wire,
            fields=dict(vars(hello)),
            extensions=tuple(hello.extensions),
            group=extension.client_shares[0].group,
            share=place,
            share_at=at,
        )
    return None


def keep_form(forms: dict[tuple[Any, ...], HelloForm], key: tuple[Any, ...], hello: Any) -> None:
    """Remember the form of a hello, if it has one; there are as many as names that are connected to."""
    if len(forms) >= _FORMS:
        forms.clear()
    form = find_form(hello)
    if form is not None:
        forms[key] = form
