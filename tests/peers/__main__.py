"""Make the captures again: `make captures`, or `python -m tests.peers [SCENE...]`; `--decode` writes the decodes only.

Each scene is played by its peers, recorded, decoded, and compared with what the peers said they did; only then are the
capture and its decode written. Needs openssl, gnutls-bin, curl, nginx, haproxy, tinyproxy, dumpcap and unshare.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.peers.place import PeerError, Place, enter_namespace, recorded
from tests.peers.reading import CAPTURES, find_requests, read_lines
from tests.peers.scenes import SCENES, Scene

SIZE_LIMIT = 50_000


def play(name: str, scene: Scene) -> None:
    """Play and record one scene, and keep it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder=Path(folder))
        try:
            with recorded(place) as capture:
                try:
                    wanted = scene(place)
                finally:
                    place.close()
        except AssertionError as error:
            raise PeerError(f"{name}: {error}") from error
    data = capture.getvalue()
    lines = read_lines(io.BytesIO(data))
    found = list(find_requests(json.loads(line) for line in lines))
    if Counter(found) != Counter(wanted):
        (Path(tempfile.gettempdir()) / f"{name}.pcapng").write_bytes(data)
        raise PeerError(f"{name}: the peers sent {Counter(wanted)}, we found {Counter(found)}")
    if len(data) > SIZE_LIMIT:
        raise PeerError(f"{name}: {len(data)} bytes; at most {SIZE_LIMIT} are kept")
    CAPTURES.mkdir(exist_ok=True)
    (CAPTURES / f"{name}.pcapng").write_bytes(data)
    (CAPTURES / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    sys.stdout.write(
        f"{name}: {len(data)} bytes, {len(lines) - 1} connections, {len(found)} requests\n"
    )


def decode_kept() -> None:
    """Write the decodes of the kept captures again; what changed is for a human to judge."""
    for path in sorted(CAPTURES.glob("*.pcapng")):
        with path.open("rb") as stream:
            lines = read_lines(stream)
        path.with_suffix(".jsonl").write_text("".join(f"{line}\n" for line in lines))


def main(names: list[str]) -> int:
    """Play the named scenes, or all."""
    if names == ["--decode"]:
        decode_kept()
        return 0
    enter_namespace()
    failed = 0
    for name in names or SCENES:
        try:
            play(name, SCENES[name])
        except PeerError as error:
            failed += 1
            sys.stdout.write(f"{name}: {error}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
