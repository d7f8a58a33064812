"""A cart is judged once: `gateway translate`, a preview of it by value, a preview of it stored and the checkout say and send the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway, running, settings_of
from click.testing import CliRunner

from gateway.carts.dialects import DIALECTS
from gateway.carts.dialects.recognition import version_of
from gateway.cli import main
from gateway.ordering.model import RenderedStep
from gateway.settings import Settings
from gateway.tmf.json import decode_json

CASES = Path(__file__).resolve().parents[1] / "golden" / "cases"
# What is said and sent of one checkout alone: its time, its ids.
OWN = frozenset({"requestedStartDate", "id", "href", "externalId", "byteCount"})
NAMES = {"v1": "r17", "v4": "v4", "v5": "v5"}
PARTY = [{"id": "C1", "role": "customer", "@referredType": "Customer"}]


def with_item(**attributes: Any) -> dict[str, Any]:
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A"}}
    return {"relatedParty": PARTY, "cartItem": [{**item, **attributes}]}


# What POST refuses, and a dry run once took.
REFUSED: list[dict[str, Any]] = [
    {**with_item(), "cartItem": [*with_item()["cartItem"], *with_item()["cartItem"]]},
    {**with_item(), "relatedParty": [*PARTY, {"name": "Jane", "role": "user"}]},
    with_item(quantity=2_000_000),
    with_item(product={"productCharacteristic": [{"name": "colour"}]}),
    with_item(product={"place": [{"id": "1"}]}),
    with_item(product={"status": "foo"}),
    with_item(action="Add"),
    {**with_item(), "@schemaLocation": "foo"},
    with_item(product={"status": "COMPLETED"}),
    with_item(product={"place": [{"role": "x", "name": 1.5}]}),
    with_item(itemPrice=[{"priceType": "oneTime", "productOfferingPrice": []}]),
    with_item(itemTerm=[{"duration": {"amount": "1"}}]),
    with_item(note=[{"date": "yesterday", "text": "x"}]),
    with_item(product={"agreement": [{"id": 5.5}]}),
    with_item(product={"isBundle": "yes"}),
    with_item(product={"startDate": "2026-W49"}),
]


def translated(tmp_path: Path, cart: dict[str, Any], *options: str) -> Any:
    file = tmp_path / "cart.json"
    file.write_text(json.dumps(cart), encoding="utf-8")
    command = ["translate", str(file), "--mapping", "tmf622-v4", "--format", "json", *options]
    return CliRunner().invoke(main, command)


def preview_of(gateway: Gateway, cart: dict[str, Any]) -> Any:
    return gateway.post({"shoppingCart": cart, "upstream": "plain"}, f"{CHECKOUTS}/preview")


def told(answer: Any) -> Any:
    """Return what is sent and said, without what belongs to one checkout alone.

    A cart is given its validity when it is stored, and its totals, which are told where it is not: findings of these differ.
    What was measured of the order system stands in the database, which `gateway translate` does not open.
    """
    findings = [
        finding
        for finding in answer["finding"]
        if not finding["path"].lower().endswith(("validfor", "totalprice")) and finding["code"] != "marker_unproven"
    ]
    return without_own({"order": answer["order"], "step": answer["step"], "finding": findings})


def without_totals(value: Any) -> Any:
    if isinstance(value, dict):
        names = [name for name in value if name.lower() not in {"carttotalprice", "itemtotalprice", "totalitemprice"}]
        return {name: without_totals(value[name]) for name in names}
    return [without_totals(entry) for entry in value] if isinstance(value, list) else value


def without_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_own(inner) for name, inner in value.items() if name not in OWN}
    return [without_own(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("cart", REFUSED, ids=range(len(REFUSED)))
async def test_what_a_post_refuses_is_refused_everywhere(
    settings: Settings, tmp_path: Path, cart: dict[str, Any]
) -> None:
    async with running(settings_of(settings.storage)) as gateway:
        posted = await gateway.post(cart, CARTS)
        preview = await preview_of(gateway, cart)
        checkout = await gateway.post({"shoppingCart": cart, "upstream": "plain"})

    assert posted.status_code == preview.status_code == checkout.status_code == 400
    problems = [(problem["path"], problem["message"]) for problem in posted.json()["problem"]]
    for answer in (preview, checkout):
        found = answer.json()["problem"]
        assert [(each["path"].removeprefix("shoppingCart."), each["message"]) for each in found] == problems
    for options in ((), ("--as", "v4")):
        answer = translated(tmp_path, cart, *options)
        assert answer.exit_code == 1
        lines = answer.stderr.splitlines()
        assert lines[-1] == "refused: the API answers 400 to this cart"
        assert [line.split(": ", 1)[1] for line in lines[:-1]] == [": ".join(problem) for problem in problems]


async def test_what_is_sent_and_said_is_the_same_every_way(settings: Settings, tmp_path: Path) -> None:
    """Every golden cart, in the version that it is written in and in the others, as far as the API takes it."""
    compared, refused = 0, 0
    async with running(settings_of(settings.storage)) as gateway:
        for case in sorted(CASES.iterdir()):
            given = decode_json((case / "cart.json").read_bytes())
            stored_form = version_of(given).to_canonical(copy.deepcopy(given))
            carts = {name: dialect.from_canonical(stored_form) for name, dialect in DIALECTS.items()}
            for name, cart in (carts | {version_of(given).version: given}).items():
                path = CARTS.replace("/tmf-api/shoppingCart/v4", DIALECTS[name].base_path)
                body = json.loads(json.dumps(cart, default=float))
                # Whether a cart has expired is asked of stored ones alone (decision 7), and totals that a client gives are replaced
                # where the cart is stored, and told where it is not (decision 10).
                body = without_totals({key: value for key, value in body.items() if key != "validFor"})
                posted = await gateway.post(body, path)
                if posted.status_code != 201:
                    assert posted.status_code == 400, posted.text
                    assert translated(tmp_path, body, "--as", NAMES[name]).exit_code == 1, (case.name, name)
                    refused += 1
                    continue
                stored = await preview_of(gateway, {"id": posted.json()["id"]})
                dry = translated(tmp_path, body, "--as", NAMES[name])
                where = (case.name, name, stored.text[:500], dry.output[:500])
                assert (stored.status_code == 200) == (dry.exit_code == 0), where
                if stored.status_code == 200:
                    assert told(stored.json()) == told(json.loads(dry.stdout)), where
                if version_of(body).version == name and "cartItem" in body:
                    whole = await preview_of(gateway, body)
                    assert whole.status_code == stored.status_code, where
                    by_looks = translated(tmp_path, body)
                    assert (whole.status_code == 200) == (by_looks.exit_code == 0), where
                    if whole.status_code == 200:
                        assert told(whole.json()) == told(json.loads(by_looks.stdout)), where
                        assert without_own(whole.json()["order"]) == without_own(stored.json()["order"]), where
                compared += 1

    assert compared > 100
    assert refused > 10


async def test_the_checkout_sends_what_the_preview_shows(settings: Settings, tmp_path: Path) -> None:
    async with running(settings_of(settings.storage)) as gateway:
        shown = (await preview_of(gateway, with_item())).json()["step"][0]["body"]
        bodies: list[bytes] = []
        send = gateway.plain.send

        async def kept(rendered: RenderedStep, **known: Any) -> Any:
            bodies.append(rendered.body)
            return await send(rendered, **known)

        gateway.plain.send = kept
        accepted = await gateway.post({"shoppingCart": with_item(), "upstream": "plain"})
        assert accepted.status_code == 202, accepted.text
        await gateway.work()
        sent = json.loads(bodies[0])

    assert without_own(sent) == without_own(shown)
    assert without_own(json.loads(translated(tmp_path, with_item()).stdout)["step"][0]["body"]) == without_own(shown)
