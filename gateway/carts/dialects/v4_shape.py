"""What is wrong with a cart in the stored form: its types, and what TMF663 v4 makes mandatory of a cart that a v4 client sends.

A client may leave out what the rest of the cart tells: the id that an address ends with, the price type of the altered price,
what a party is. Everything else that the API file demands is asked for. A change is asked for what it brings, not for what
another version or an earlier release left in the cart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.carts.dialects.v4 import completed
from gateway.carts.dialects.v4_kinds import CART, Kind
from gateway.carts.shape import COMPLETE, STORED
from gateway.documents import JsonObject
from gateway.errors import Problem
from gateway.tmf.json import encode_canonical
from gateway.tmf.schema import Finding
from gateway.tmf.shapes import PROBLEMS_MAX, Path

# A cart that was stored with so many omissions or more may be given others.
EARLIER_MAX: Final = 2_000


def look_at(
    document: JsonObject, before: Sequence[JsonObject] = (), *, mandatory: bool = False
) -> tuple[list[Problem], bool]:
    """Return what is wrong with a cart, and whether v4 shows it as it is.

    Known attributes that are null are removed from it, and identifiers that are whole numbers become texts, in place.
    `before` are the stored carts that it was made from, when this is a change: what was wrong with these already is not told.
    `mandatory`: ask for what v4 makes mandatory.
    """
    if COMPLETE.fits(document):
        return [], True
    STORED.tidy(document)
    if not STORED.fits(document) and (found := _types_brought(document, before)):
        if mandatory:
            found = _with_missing(found, _missing_brought(document, before))
        return [finding.problem() for finding in found[:PROBLEMS_MAX]], False
    shown, is_told = completed(document)
    # Where the cart itself tells all that it leaves out, there is nothing to ask for.
    missing = _missing_brought(document, before) if mandatory and not is_told else []
    return [finding.problem() for finding in missing[:PROBLEMS_MAX]], shown is document


def _types_brought(document: JsonObject, before: Sequence[JsonObject]) -> list[Finding]:
    earlier = [finding for each in before for finding in STORED.findings(each, EARLIER_MAX)]
    return _brought(STORED.findings(document, PROBLEMS_MAX + len(earlier)), earlier)


def _missing_brought(document: JsonObject, before: Sequence[JsonObject]) -> list[Finding]:
    # What a merge patch leaves alone is the very object that it was.
    touched = {
        name for name, value in document.items() if not before or any(value is not each.get(name) for each in before)
    }
    earlier = [finding for each in before for finding in _missing(_only(each, touched), EARLIER_MAX)]
    if len(earlier) >= EARLIER_MAX:
        # Nobody is told of so many, and to tell old from new would take longer than a change may.
        return []
    # Those that were there already do not hide what is new.
    return _brought(_missing(_only(document, touched), PROBLEMS_MAX + len(earlier)), earlier)


def _only(document: JsonObject, names: set[str]) -> JsonObject:
    return {name: value for name, value in document.items() if name in names}


def _with_missing(found: list[Finding], missing: list[Finding]) -> list[Finding]:
    """Return all findings, each once: of an attribute that is missing, the check of the stored form says less."""
    named = {finding.path for finding in missing}
    holders = {path[:-1] for path in named}
    kept = [
        finding
        for finding in found
        if finding.path not in named and not (finding.keyword == "anyOf" and finding.path in holders)
    ]
    return [*kept, *missing]


def _brought(found: list[Finding], earlier: list[Finding]) -> list[Finding]:
    """Return the findings that are not among the earlier ones: neither the same in the same place nor of the same object."""
    places = {_place(finding) for finding in earlier}
    found = [finding for finding in found if _place(finding) not in places]
    if not found or not earlier:
        return found
    old, new = set(_looks(earlier).values()), _looks(found)
    return [finding for finding in found if new[id(finding.holder)] not in old]


def _place(finding: Finding) -> tuple[Path, str, bytes]:
    """Return where a finding is and what it says, and of a wrong value that value: another one is another mistake."""
    holder, name = finding.holder, finding.path[-1] if finding.path else ""
    value = holder[name] if holder is not None and name in holder else None
    return finding.path, finding.message, b"" if value is None else encode_canonical(value)


def _looks(findings: list[Finding]) -> dict[int, bytes]:
    """Return what each object looks like, by its identity: once, however much is wrong with it."""
    holders = {id(finding.holder): finding.holder for finding in findings}
    return {identity: encode_canonical(holder) for identity, holder in holders.items()}


def _missing(document: JsonObject, findings_max: int) -> list[Finding]:
    """Return what the document lacks, and whatever else is missing in the object that is the last."""
    found: list[Finding] = []
    _look(document, CART, {}, (), found, findings_max)
    return found


def _look(
    node: JsonObject, kind: Kind, holder: JsonObject, path: Path, found: list[Finding], findings_max: int
) -> None:
    if len(found) >= findings_max:
        return
    for member in kind.members:
        is_empty = member.name == "id" and node.get("id") == ""
        if is_empty or not (member.is_in(node) or member.told_by(node, holder) is not None):
            fault = "is empty, as it is shown where nobody told it" if is_empty else "is missing"
            found.append(Finding((*path, member.name), f"{fault}; {member.lesson}", node, "required"))
    for name, value in node.items():
        if name in kind.objects and type(value) is dict:
            _look(value, kind.objects[name], node, (*path, name), found, findings_max)
        elif name in kind.lists and type(value) is list:
            for index, entry in enumerate(value):
                if type(entry) is dict:
                    _look(entry, kind.lists[name], node, (*path, name, index), found, findings_max)
