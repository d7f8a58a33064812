"""Searches against the sandbox when it does not keep to its mapping: an order that is there is never taken for absent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from test_upstream_sandbox import connected, item

from gateway.upstream import Accepted, CallInDoubt, KnownOrder

BEFORE, OURS, AFTER = (f"gw1-{letter * 16}-0" for letter in "abc")

SPOILT = (
    "filter-empty", "filter-old-only", "filter-shard", "filter-cached", "filter-lag=1200", "filter-final", "filter-other",
    "filter-blind", "list-own-hidden", "list-page-skips", "list-page-empty", "list-row-broken", "list-young-blind",
    "list-total-lies", "list-lag=60", "marker-upper", "marker-cut", "marker-prefix", "marker-upper-found", "own-external-id",
    "marker-list", "marker-object", "marker-null", "marker-number", "marker-moved", "marker-spaced", "marker-dashes",
)  # fmt: skip
HARMLESS = ("filter-ignored", "list-page-repeats", "marker-list", "marker-object")


def order(marker):
    return {
        "@type": "ProductOrder",
        "externalId": marker,
        "requestedStartDate": "2026-12-01T00:00:00Z",
        "relatedParty": [{"id": "CD000001", "role": "customer", "@referredType": "account", "@type": "RelatedParty"}],
        "productOrderItem": [item(1)],
    }


async def searched(tmp_path, fault, markers):
    """Make an order for each of `markers`, then search for OURS as after a lost answer, twice."""
    faults = [fault if "=" in fault else f"{fault}=1"] if fault else []
    async with connected(tmp_path, "tmf622-v4", faults=faults) as (client, make, _):
        sent = datetime.now(UTC)
        known = []
        for marker in markers:
            created = await client.send(make("create", order(marker)))
            assert isinstance(created, Accepted), created
            if marker != OURS:
                moment = sent + timedelta(seconds=-60 if marker == BEFORE else 60)
                known.append(KnownOrder(created.document["id"], marker, moment))
        doubt = CallInDoubt(sent_at=sent, now=sent + timedelta(seconds=90), known=tuple(known))
        await client.find(OURS, since=sent)
        return [await client.find(OURS, since=sent, doubt=doubt) for _ in range(2)]


@pytest.mark.parametrize("fault", [*SPOILT, *HARMLESS, ""])
async def test_an_order_that_is_there_is_never_sent_again(tmp_path, fault):
    for found in await searched(tmp_path, fault, (BEFORE, OURS, AFTER)):
        assert not found.allows_sending_again("hold"), found
    if fault in {*HARMLESS, ""}:
        assert len(found.orders) == 1


@pytest.mark.parametrize("fault", [*HARMLESS, ""])
async def test_an_order_that_is_not_there_is_sent_again(tmp_path, fault):
    for found in await searched(tmp_path, fault, (BEFORE, AFTER)):
        assert found.allows_sending_again("hold"), found


async def test_without_a_younger_order_nothing_is_proven_yet(tmp_path):
    for found in await searched(tmp_path, "", (BEFORE,)):
        assert (found.absence.kind, found.absence.code) == ("uncontrolled", "nothing_younger")
