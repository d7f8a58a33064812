"""The page of what the sandbox can be told to do that no mapping says."""

from __future__ import annotations

from gateway.sandbox.misbehaviours import MISBEHAVIOURS, RULES, Misbehaviour
from scripts.reference.markdown import code, page, table

_INTRODUCTION = """
What order systems, and the proxies in front of them, do that no mapping says. Each is a fault of the [sandbox](sandbox.md):
`--fault NAME=RATE`, with a rate from 0 to 1, or with the seconds (or the count) that the example shows. Those that strike an
order are drawn when it is made and last for its life. Of several that strike one call that changes something, the one that
was named first happens. Most have been seen; what nobody has seen yet is marked: it was thought of where a client would cut
a corner.
"""
_KINDS = {"both": "", "drafts": "a system with drafts", "live": "a system whose POST is live"}


def misbehaviours_page() -> str:
    """Return the page of misbehaviours, by the rule that each attacks."""
    parts = []
    for rule, words in RULES.items():
        rows = [_row(each) for each in MISBEHAVIOURS.values() if each.rule == rule]
        title = words[0].upper() + words[1:]
        parts.append(f"## {title}\n\n" + table(("fault", "strikes", "does", "only on", ""), rows))
    return page("Misbehaviours of the sandbox", _INTRODUCTION, *parts)


def _row(each: Misbehaviour) -> tuple[str, ...]:
    name = each.name if each.seconds is None else f"{each.name}={each.seconds:g}"
    return (code(name), each.strikes, each.does, _KINDS[each.kinds], "not seen yet" if each.invented else "")
