"""One verdict on several files that show one event: `replay --merge`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from harness.cli.complaint import unreadable
from harness.cli.file_list import stem
from harness.cli.progress import watch
from harness.cli.scratch import scratch_files

if TYPE_CHECKING:
    from harness.cli.keys import Keys
    from harness.decode.spool import OpenFile
    from harness.site.site import Site
    from harness.verdict.verdict import Verdict


def judge_event(files: Sequence[Path], site: Site | None, keys: Keys) -> Verdict:
    """The verdict on all files together.

    Raises:
        Complaint: a file cannot be read, or there is no room for what has to be written.
    """
    from harness.decode.decode import LARGE
    from harness.decode.merge import Source
    from harness.replay import replay_event

    with ExitStack() as stack:
        what = " ".join(map(str, files[:3])) + (" ..." if len(files) > 3 else "")
        size = sum(file.stat().st_size for file in files if file.is_file())
        open_file = stack.enter_context(scratch_files(what, "all together", needed=size))
        sources: list[Source] = []
        for file in files:
            try:
                opened = stack.enter_context(file.open("rb"))
            except OSError as error:
                raise unreadable(file, error) from error
            stream = _make_seekable(watch(opened, file, from_size=LARGE), open_file)
            sources.append(Source(name=str(file), stream=stream, tap=stem(file)))
        return replay_event(
            sources, site=site, key_log=keys.log, rsa_keys=keys.rsa, open_file=open_file
        )


def _make_seekable(stream: BinaryIO, open_file: OpenFile) -> BinaryIO:
    """The file, or a copy of what comes through a pipe: it is read twice."""
    if stream.seekable():
        return stream
    copy = cast(BinaryIO, open_file())
    shutil.copyfileobj(stream, copy)
    copy.seek(0)
    return copy
