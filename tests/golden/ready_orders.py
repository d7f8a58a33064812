"""What becomes of a ready order by each shipped mapping: the order as it is sent, and everything that is told of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import to_builtins

from gateway.checkouts.accepting.consulting import in_order_words
from gateway.checkouts.accepting.prepare import preview_document, try_prepare
from gateway.checkouts.orders.shown import DIALECTS
from gateway.ordering import Mapping
from gateway.partners.reading import read_order
from gateway.resources import load_mappings
from gateway.settings import CartSettings, MappingSettings
from gateway.tmf.json import decode_json, encode_json

CASES: Final = Path(__file__).parent / "ready"
MAPPINGS: Final = ("salesforce-v4", "tmf622-v4", "tmf622-v5")
_NOW: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_BY_VERSION: Final = {dialect.version: dialect for dialect in DIALECTS}


def cases() -> list[str]:
    """Return the names of the cases: `v4-bundle` is an order of v4."""
    return sorted(path.name for path in CASES.iterdir())


def outcome(case: str, mapping: Mapping) -> dict[str, Any]:
    """Return the order that is sent (null where it is refused) and the findings."""
    given = decode_json((CASES / case / "order.json").read_bytes())
    ready = read_order(given, _BY_VERSION[case.partition("-")[0]], CartSettings())
    cart = ready.request["shoppingCart"]
    prepared, findings = in_order_words(*try_prepare(cart, ready.request, mapping, now=_NOW))
    document = preview_document(prepared, findings, mapping)
    return {"order": document["order"], "finding": to_builtins((*ready.findings, *findings))}


def written(document: dict[str, Any]) -> str:
    """Return an outcome as its file has it."""
    return json.dumps(json.loads(encode_json(document)), indent=2) + "\n"


def main() -> None:
    """Write every outcome anew. Run it on purpose, then read the difference."""
    mappings = load_mappings(MappingSettings())
    for case in cases():
        for name in MAPPINGS:
            (CASES / case / f"{name}.json").write_text(written(outcome(case, mappings[name])))


if __name__ == "__main__":
    main()
