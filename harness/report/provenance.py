"""The report on provenance: the chains of one device or user, for people and as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from harness.report.text import fold_numbers, printable
from harness.verdict.provenance import Chain

WIDTH = 11
"""Of the longest name of a part."""
SHOWN = 20
"""Requests without a call-back that are told: a page has many."""


def tell_chains(wanted: str, chains: Sequence[Chain], uncalled: Sequence[Chain] = ()) -> str:
    """Each chain, one line a link, with the packets that show it; `uncalled`: requests without a call-back."""
    lines = [f"{wanted}: {_count(len(chains), 'call-back')}"]
    if uncalled:
        lines[0] += f", {_count(len(uncalled), 'request')} without one"
    for number, chain in enumerate((*chains, *uncalled[:SHOWN]), start=1):
        lines.append(f"{number}. {_headline(chain)}")
        lines += _tell_links(chain)
    if len(uncalled) > SHOWN:
        lines.append(f"and {len(uncalled) - SHOWN} more")
    return "\n".join(printable(line) for line in lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def chains_json(wanted: str, chains: Sequence[Chain], *, verdict: str) -> str:
    """One line without its end; keys sorted."""
    told = {
        "chains": [
            {
                "ambiguous": chain.is_ambiguous,
                "devices": sorted(str(address) for address in chain.devices),
                "links": [
                    {"packets": list(link.packets), "part": link.part, "text": link.text}
                    for link in chain.links
                ],
                "users": sorted(chain.users),
            }
            for chain in chains
        ],
        "explain": wanted,
        "verdict": verdict,
    }
    return json.dumps(told, sort_keys=True)


def _headline(chain: Chain) -> str:
    ports = sum(link.part == "port" for link in chain.links)
    requests = sum(link.part == "user" for link in chain.links)
    last = chain.links[-1].text
    if not chain.is_ambiguous:
        return last
    what = [f"{ports} tunnels had this port"] if ports > 1 else []
    what += [f"{requests} requests may have caused it"] if requests > 1 else []
    return f"AMBIGUOUS: {', and '.join(what)}"


def _tell_links(chain: Chain) -> Iterator[str]:
    for link in chain.links:
        where = f"  (packets {fold_numbers(link.packets)})" if link.packets else ""
        yield f"   {link.part:<{WIDTH}}  {link.text}{where}"
