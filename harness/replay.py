"""Replay: from a capture file to a verdict. The whole back half; a live run ends here as well."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from harness.checks.call_back_form import find_key
from harness.checks.case import Case
from harness.checks.judge import Judge, abstain
from harness.checks.ledger import Ledger, add_up, read_ledger
from harness.checks.legs import find_concerned
from harness.checks.run_note import TAG as RUN_TAG
from harness.checks.run_note import RunNote, parse_run_note
from harness.checks.sign_in import find_user
from harness.checks.signed_in import find_signed_in
from harness.decode.connections import SMALL
from harness.decode.decode import LARGE, Chosen, decode_parts
from harness.decode.packet.only import Only
from harness.decode.spool import MOST, OpenFile
from harness.decode.tls.rsa import RsaKeys
from harness.site.site import Site
from harness.trace.http import Exchange
from harness.trace.packet import PacketNumber
from harness.trace.trace import Trace
from harness.verdict.expectation import Expectation
from harness.verdict.verdict import CheckResult, Verdict

if TYPE_CHECKING:
    # Not below: few captures are merged, and loading numpy takes longer than judging a small one.
    from harness.decode.merge import Merged, Source

SITE_TAG = "site/1"
EXPECTATION_TAG = "expectation/1"
FOREIGN = "foreign"
"""Mode of a capture that the harness did not record."""
NO_SITE = "no site description: give --site"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Annotations:
    """What the file says about itself, and what of it cannot be read."""

    site: Site | None
    site_problem: str
    """Why there is no site; "" when there is one."""
    note: RunNote | None
    expectation: Expectation | None
    problems: tuple[str, ...]


def replay(
    stream: BinaryIO,
    *,
    site: Site | None = None,
    key_log: bytes = b"",
    rsa_keys: RsaKeys | None = None,
    open_file: OpenFile | None = None,
) -> Verdict:
    """The verdict on a capture, from the file alone.

    Args:
        stream: the capture, pcapng or pcap, open for reading.
        site: replaces the site inside the file; needed for captures of others.
        key_log: TLS secrets in NSS key log format, beside those in the file.
        rsa_keys: private keys that open RSA key exchanges (TLS 1.2 and before).
        open_file: opens a file for what does not fit into memory; None: all has to.

    Raises:
        SpoolError: that file takes no more.
    """
    if not stream.seekable():
        stream = BytesIO(stream.read())
    return examine(stream, site=site, key_log=key_log, rsa_keys=rsa_keys, open_file=open_file)[0]


def examine(
    stream: BinaryIO,
    *,
    site: Site | None = None,
    key_log: bytes = b"",
    rsa_keys: RsaKeys | None = None,
    small: int = SMALL,
    large: int = LARGE,
    open_file: OpenFile | None = None,
    most: int = MOST,
) -> tuple[Verdict, Case | None]:
    """The verdict, and what the checks looked at last; None: there was nothing to look at.

    Args:
        stream: the capture, pcapng or pcap, open for reading from where it can be read again.
        site: as for `replay`.
        key_log: as for `replay`.
        rsa_keys: as for `replay`.
        small: bytes up to which a file is read packet by packet.
        large: bytes from which on only what concerns the site is kept of a capture of others.
        open_file: as for `replay`.
        most: connections and requests that are looked at together where there is such a file.
    """
    start = stream.tell()
    parts = decode_parts(
        stream,
        key_log=key_log,
        rsa_keys=rsa_keys,
        choose=lambda texts: _choose(texts, site),
        stream_hashes=False,
        open_file=open_file,
        most=most,
        small=small,
        large=large,
    )
    hearing = _Hearing(site)
    with closing(parts):
        for part in parts:
            if RUN_TAG not in part.annotations and has_twins(part):
                break
            hearing.hear(part)
        else:
            return hearing.conclude()
    # Somebody recorded several interfaces of one machine: what passed through was seen on two.
    from harness.decode.merge import Source, merge

    stream.seek(start)
    source = Source(name="capture", stream=stream)
    merged = merge((source,), open_file=open_file or BytesIO)
    return _examine_merged(merged, site, key_log, rsa_keys, open_file)


def has_twins(trace: Trace) -> bool:
    """Whether several interfaces may have seen one connection: the same ends at the same time."""
    seen: dict[object, list[tuple[str, int, int]]] = defaultdict(list)
    for connection in trace.connections:
        pair = (connection.client, connection.server)
        place = f"{connection.tap} {connection.carried_in}"
        for other, opened_ns, closed_ns in seen[pair]:
            is_overlap = opened_ns <= connection.closed_ns and connection.opened_ns <= closed_ns
            if other != place and is_overlap:
                return True
        seen[pair].append((place, connection.opened_ns, connection.closed_ns))
    return False


def _examine_merged(
    merged: Merged,
    site: Site | None,
    key_log: bytes,
    rsa_keys: RsaKeys | None,
    open_file: OpenFile | None,
) -> tuple[Verdict, Case | None]:
    """The verdict on several files as one, with what was done to make them one."""
    parts = merged.decode(
        key_log=key_log,
        rsa_keys=rsa_keys,
        choose=lambda texts: _choose(texts, site),
        stream_hashes=False,
        open_file=open_file,
    )
    hearing = _Hearing(site)
    joined: tuple[str, ...] = ()
    for part in parts:
        joined = joined or merged.tell_joined(part)
        hearing.hear(part)
    verdict, case = hearing.conclude()
    return replace(verdict, notes=(*merged.notes, *joined)), case


def _choose(annotations: Mapping[str, str], site: Site | None) -> Chosen | None:
    """What of a capture of others can matter to its site; None: everything does, or nobody knows."""
    if site is None or annotations:
        return None
    try:
        addresses, endpoints = find_concerned(site)
    except ValueError:
        return None

    def wants_body(exchange: Exchange) -> bool:
        """A call-back, an answer that signs somebody in, or one about revocation, whose signature is checked."""
        response = exchange.response
        if find_key(exchange.request, site) is not None:
            return True
        if response is not None and response.status_answer is not None:
            return True
        return find_user(response, site) is not None

    return Chosen(Only(addresses=addresses, endpoints=endpoints), wants_body)


def replay_event(
    sources: Sequence[Source],
    *,
    site: Site | None = None,
    key_log: bytes = b"",
    rsa_keys: RsaKeys | None = None,
    open_file: OpenFile | None = None,
) -> Verdict:
    """The verdict on one event that several files show, one per tap.

    Args:
        sources: the files; times are told by the clock of the first.
        site: replaces the site inside the files.
        key_log: TLS secrets in NSS key log format, beside those in the files.
        rsa_keys: as for `replay`.
        open_file: opens a file for what does not fit into memory, and for all files as one; None: all has to.

    Raises:
        OSError: a file cannot be read, or there is no room for all files as one.
        SpoolError: a file takes no more.
    """
    from harness.decode.merge import merge

    merged = merge(sources, open_file=open_file or BytesIO)
    verdict, _ = _examine_merged(merged, site, key_log, rsa_keys, open_file)
    return replace(verdict, sources=_find_sources(verdict, merged))


def _find_sources(
    verdict: Verdict, merged: Merged
) -> Mapping[PacketNumber, tuple[str, PacketNumber]]:
    """Where the packets of all findings came from."""
    numbers = {n for result in verdict.results for f in result.findings for n in f.packets}
    origins = {number: merged.origin(number) for number in sorted(numbers)}
    return MappingProxyType({n: (origin.file, origin.number) for n, origin in origins.items()})


def judge_trace(trace: Trace, *, site: Site | None = None) -> Verdict:
    """The verdict on a decoded capture; never raises."""
    return examine_trace(trace, site=site)[0]


def examine_trace(trace: Trace, *, site: Site | None = None) -> tuple[Verdict, Case | None]:
    """The same, and what the checks looked at; never raises."""
    hearing = _Hearing(site)
    hearing.hear(trace)
    return hearing.conclude()


class _Hearing:
    """A capture before the judge: in one piece, or part after part."""

    def __init__(self, given: Site | None) -> None:
        self._given = given
        self._said: _Annotations | None = None
        self._judge: Judge | None = None
        self._abstained: tuple[CheckResult, ...] = ()
        self._ledgers: list[Ledger] = []
        self._signed_in: dict[str, str] = {}
        self._case: Case | None = None

    def hear(self, trace: Trace) -> None:
        """Judge the trace, or its next part; never raises."""
        if self._said is None:
            self._said = _read_annotations(trace, self._given)
            if not trace.taps and trace.damage:
                self._abstained = abstain(trace.damage[0].message)
            elif self._said.site is None:
                self._abstained = abstain(self._said.site_problem)
            else:
                self._judge = Judge(self._said.site, note=self._said.note)
        said = self._said
        trace = _check_signatures(trace, said)
        ledger = read_ledger(trace, site=said.site, note=said.note)
        self._ledgers.append(replace(ledger, problems=(*said.problems, *ledger.problems)))
        if self._judge is not None:
            self._case = self._judge.hear(trace, self._ledgers[-1])
        if self._case is not None:
            self._signed_in |= find_signed_in(self._case)

    def conclude(self) -> tuple[Verdict, Case | None]:
        """The verdict, and what the checks looked at last."""
        assert self._said is not None, "nothing was heard"
        note = self._said.note
        verdict = Verdict(
            results=self._judge.conclude() if self._judge is not None else self._abstained,
            mode=note.mode if note is not None else FOREIGN,
            completeness=add_up(self._ledgers).to_json(),
            signed_in=dict(sorted(self._signed_in.items())),
            expectation=self._said.expectation,
        )
        return verdict, self._case


def _check_signatures(trace: Trace, said: _Annotations) -> Trace:
    """Who signed what was told about revocation; few sites ask, so what verifies is loaded for them alone."""
    asked = said.site.revocation if said.site is not None else None
    if asked is None:
        return trace
    from harness.decode.http.status_signature import check_signatures

    known = said.note.user_certificates if said.note is not None else ()
    return check_signatures(trace, (*known, *(pem.encode() for pem in asked.issuers)))


def _read_annotations(trace: Trace, given: Site | None) -> _Annotations:
    problems: list[str] = []
    site, site_problem = given, ""
    if given is None:
        site, site_problem = _read_site(trace)
    note = expectation = None
    if RUN_TAG in trace.annotations:
        try:
            note = parse_run_note(trace.annotations[RUN_TAG])
        except ValueError as error:
            problems.append(f"annotation {RUN_TAG} cannot be read: {error}")
    if EXPECTATION_TAG in trace.annotations:
        try:
            expectation = _parse_expectation(trace.annotations[EXPECTATION_TAG])
        except ValueError as error:
            problems.append(f"annotation {EXPECTATION_TAG} cannot be read: {error}")
    return _Annotations(
        site=site,
        site_problem=site_problem,
        note=note,
        expectation=expectation,
        problems=tuple(problems),
    )


def _read_site(trace: Trace) -> tuple[Site | None, str]:
    text = trace.annotations.get(SITE_TAG)
    if text is None:
        other = sorted(tag for tag in trace.annotations if tag.startswith("site/"))
        return (
            None,
            f"{NO_SITE} (the file holds {', '.join(other)}, not {SITE_TAG})" if other else NO_SITE,
        )
    try:
        return Site.model_validate_json(text), ""
    except ValueError as error:  # pydantic's ValidationError is one
        first = "; ".join(str(error).splitlines()[:3])
        return None, f"annotation {SITE_TAG} cannot be read ({first}): give --site"


def _parse_expectation(text: str) -> Expectation:
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("brackets in brackets in brackets; expected a JSON object") from None
    if not isinstance(data, dict):
        raise ValueError(f"got {type(data).__name__}; expected a JSON object")
    return Expectation.from_json(data)
