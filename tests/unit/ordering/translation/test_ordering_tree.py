"""The tree of a cart's items: entries are unknown to the garbage collector, so that they must never refer in a circle."""

from __future__ import annotations

import gc

from gateway.ordering.findings import Findings
from gateway.ordering.translation import tree
from gateway.ordering.translation.entries import Entry, collect


def item(item_id, *children, **more):
    return {"id": item_id, "action": "add"} | more | ({"cartItem": list(children)} if children else {})


def related(item_id, kind, target):
    return item(item_id, cartItemRelationship=[{"id": target, "relationshipType": kind}])


def test_a_circle_of_parents_is_opened(monkeypatch):
    seen: list[Entry] = []

    def collecting(cart, findings):
        collected = collect(cart, findings)
        seen.extend(collected.entries)
        return collected

    monkeypatch.setattr(tree, "collect", collecting)
    findings = Findings()
    circle = [related("1", "bundles", "2"), related("2", "bundles", "3"), related("3", "bundles", "1")]
    assert tree.read_tree({"cartItem": [*circle, item("4")]}, findings)
    assert {finding.code for finding in findings.all()} >= {"hierarchy_cycle"}
    assert len(seen) == 4
    for entry in seen:
        assert not gc.is_tracked(entry)
        steps, above = 0, entry.parent
        while above is not None:
            steps, above = steps + 1, above.parent
            assert steps < len(seen), "the parents lead back"


def test_relationships_that_go_round_are_kept_as_ids():
    findings = Findings()
    cart = {"cartItem": [related("1", "reliesOn", "2"), related("2", "reliesOn", "1")]}
    one, two = tree.read_tree(cart, findings)
    assert [relations[0][:2] for relations in (one.relations, two.relations)] == [("reliesOn", "2"), ("reliesOn", "1")]


def test_a_position_is_told_by_the_path():
    findings = Findings()
    collected = collect({"cartItem": [item("1"), item("2", item("3"), item("4"))]}, findings)
    assert [entry.position for entry in collected.entries] == ["1", "2", "2.1", "2.2"]


def test_roots_are_told_beneath_relationships_too():
    findings = Findings()
    cart = {"cartItem": [item("2", item("3")), related("1", "bundles", "2")]}
    entries = tree.read_tree(cart, findings)
    assert [(entry.id, entry.root_id, entry.depth) for entry in entries] == [
        ("1", "1", 1),
        ("2", "1", 2),
        ("3", "1", 3),
    ]


def test_needs_that_lead_back_are_told_at_the_relationship_that_closes_the_circle():
    def needing(item_id, *relations):
        listed = [{"id": target, "relationshipType": kind} for target, kind in relations]
        return item(item_id, cartItemRelationship=listed)

    def circles(*items):
        findings = Findings()
        tree.read_tree({"cartItem": list(items)}, findings)
        return [each.path for each in findings.all() if each.code == "relationship_circular"]

    long = [needing(str(number), (str((number + 1) % 3000), "requires")) for number in range(3000)]
    assert circles(*long) == ["cartItem[2999].cartItemRelationship[0]"]
    assert circles(*long[:-1]) == []
    assert circles(needing("1", ("1", "shipping"))) == ["cartItem[0].cartItemRelationship[0]"]
    assert circles(needing("1", ("2", "RelyOn")), needing("2", ("1", "reliesOn"))) != []
    assert circles(needing("1", ("2", "requires"), ("2", "requiredBy")), needing("2")) != []
    # Words that say nothing of need may go both ways, as may two kinds of need.
    assert circles(needing("1", ("2", "relatedTo")), needing("2", ("1", "relatedTo"))) == []
    assert circles(needing("1", ("2", "requires")), needing("2", ("1", "reliesOn"))) == []
    diamond = needing("1", ("2", "reliesOn"), ("3", "reliesOn")), needing("2", ("4", "reliesOn"))
    assert circles(*diamond, needing("3", ("4", "reliesOn")), needing("4")) == []
