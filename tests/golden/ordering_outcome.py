"""What the ordering stage makes of one golden case: findings, the whole order, and every call, for each mapping.

A case is a folder with `cart.json`, optionally `request.json` (the checkout request) and `case.toml`:
`title` says what the case shows, `[limits]`, `[item]` and `[price]` replace keys of the mapping (a small cart is split),
`[codes.NAME]` is a code table as it would stand in a file (`unknown` and `default` beside its codes), `[catalogue]` names mandatory
children.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from gateway.errors import Problem
from gateway.ordering.calls.plan import check_plan, plan
from gateway.ordering.calls.render import render, render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.catalogue import Catalogue
from gateway.ordering.mapping.codes import CodeFile, parse_table
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Order, Translation
from gateway.ordering.translation.translate import translate
from gateway.tmf.json import decode_json, encode_json

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(__file__).resolve().parent / "cases"
MAPPINGS = sorted(file.stem for file in (ROOT / "mappings").glob("*.toml"))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MARKER = "gw1-golden-marker-000001"
ORDER_ID = "00000001"


def load_mapping(name: str) -> Mapping:
    file = ROOT / "mappings" / f"{name}.toml"
    return parse_mapping(file.read_bytes(), file.name)


def cases() -> list[str]:
    return sorted(folder.name for folder in CASES.iterdir() if (folder / "cart.json").exists())


def case_settings(case: str) -> dict[str, Any]:
    file = CASES / case / "case.toml"
    return tomllib.loads(file.read_text("utf-8")) if file.exists() else {}


def with_settings(mapping: Mapping, settings: dict[str, Any]) -> Mapping:
    mapping = replace(mapping, limits=replace(mapping.limits, **settings.get("limits", {})))
    mapping = replace(mapping, item=replace(mapping.item, **settings.get("item", {})))
    mapping = replace(mapping, price=replace(mapping.price, **settings.get("price", {})))
    tables = mapping.tables
    for name, given in settings.get("codes", {}).items():
        codes = dict(given)
        declared = CodeFile(file=f"{name}.csv", unknown=codes.pop("unknown", "pass"), default=codes.pop("default", ""))
        rows = [("characteristic,from,to" if name == "values" else "from,to")]
        for code, target in codes.items():
            if isinstance(target, dict):
                rows += [f"{code},{value},{word}" for value, word in target.items()]
            else:
                rows.append(f"{code},{target}")
        problems: list[Problem] = []
        table = parse_table(name, declared, "\n".join(rows).encode(), problems)
        assert not problems, problems
        tables = replace(tables, **{name: table})
    mandatory = {code: frozenset(children) for code, children in settings.get("catalogue", {}).items()}
    return replace(mapping, tables=replace(tables, catalogue=Catalogue(mandatory=mandatory)))


def translation_of(case: str, mapping_name: str) -> tuple[Mapping, Translation]:
    """The mapping with the case's own settings, and what it makes of the case's cart."""
    folder = CASES / case
    mapping = with_settings(load_mapping(mapping_name), case_settings(case))
    cart = decode_json((folder / "cart.json").read_bytes())
    request = folder / "request.json"
    given = decode_json(request.read_bytes()) if request.exists() else {}
    return mapping, translate(cart, given, mapping, now=NOW)


def translated(case: str, mapping_name: str) -> tuple[Mapping, Order | None]:
    mapping, translation = translation_of(case, mapping_name)
    return mapping, translation.order


def outcome(case: str, mapping_name: str) -> dict[str, Any]:
    mapping, translation = translation_of(case, mapping_name)
    result: dict[str, Any] = {"findings": [asdict(finding) for finding in translation.findings]}
    order = translation.order
    if order is None:
        return result
    planned, findings = plan(order, mapping)
    result["findings"] += [asdict(finding) for finding in findings]
    result["order"] = render_whole(order, mapping, MARKER)
    if planned is None:
        return result
    check_plan(order, planned, mapping)
    known = {line.id: f"line-of-{line.id}" for line in order.lines}
    result["calls"] = []
    for step in planned.steps:
        call = render(step, order, planned, mapping, known_line_ids=known, marker=MARKER, order_id=ORDER_ID)
        result["calls"].append(
            {
                "sequence": call.sequence,
                "kind": call.kind,
                "call": f"{call.method} {call.path}",
                "mediaType": call.media_type,
                "items": call.item_count,
                "bytes": len(call.body),
                "body": decode_json(call.body, depth_max=64),
            }
        )
    return result


def written(value: Any) -> bytes:
    return msgspec.json.format(encode_json(value), indent=2) + b"\n"
