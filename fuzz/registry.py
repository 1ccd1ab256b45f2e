"""The registry: every target, in the order of `make fuzz`."""

from __future__ import annotations

from fuzz.target import Target
from fuzz.targets.certificate import CERTIFICATE
from fuzz.targets.file import FILE
from fuzz.targets.foreign import MERGE, RSA_KEY, SECOND_OPINION, SITE_TEMPLATE
from fuzz.targets.frame import FRAME
from fuzz.targets.growth import GROWTH
from fuzz.targets.http import HTTP
from fuzz.targets.http2 import HTTP2
from fuzz.targets.replay import REPLAY
from fuzz.targets.scenario import SCENARIO
from fuzz.targets.tcp import TCP
from fuzz.targets.text import ALLOW_LIST, ANNOTATION, HEADER, KEYLOG
from fuzz.targets.tls import TLS
from fuzz.targets.window import WINDOW

TARGETS: tuple[Target, ...] = (
    REPLAY,
    WINDOW,
    TLS,
    HTTP,
    HTTP2,
    TCP,
    FILE,
    FRAME,
    SCENARIO,
    ANNOTATION,
    HEADER,
    CERTIFICATE,
    KEYLOG,
    ALLOW_LIST,
    MERGE,
    RSA_KEY,
    SECOND_OPINION,
    SITE_TEMPLATE,
    GROWTH,
)


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        ValueError: there is none.
    """
    for target in TARGETS:
        if target.name == name:
            return target
    known = ", ".join(target.name for target in TARGETS)
    raise ValueError(f"target: got {name!r}; expected one of {known}")
