"""Alternatives: what can be said when one of several stories is true and nobody knows which.

Wrong in every story is wrong; right in every story is right; only the rest is undecided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.checks.check import Absent, Judgement, Unjudged
from harness.checks.evidence import gather
from harness.verdict.finding import Finding


def settle(stories: Sequence[Sequence[Judgement]], doubt: Unjudged) -> Iterator[Judgement]:
    """Judge what holds in all stories.

    Args:
        stories: what a check says to each; an empty one finds nothing wrong.
        doubt: what is said when the stories differ.
    """
    if not any(stories):
        return
    firsts = [_worst(story) for story in stories]
    found = [first for first in firsts if isinstance(first, Finding | Absent)]
    if len(found) < len(firsts):
        yield doubt
        return
    findings = [f.finding if isinstance(f, Absent) else f for f in found]
    told = findings[0]
    whole = Finding(
        message=f"{told.message}; whichever of {len(stories)} open requests it belongs to, it is wrong",
        packets=gather(*(finding.packets for finding in findings)),
        endpoints=tuple(dict.fromkeys(e for finding in findings for e in finding.endpoints)),
    )
    yield Absent(finding=whole) if any(isinstance(f, Absent) for f in found) else whole


def _worst(story: Sequence[Judgement]) -> Judgement | None:
    """A finding before an absence before a doubt."""
    for kind in (Finding, Absent, Unjudged):
        for judgement in story:
            if isinstance(judgement, kind):
                return judgement
    return None
