"""Personal data stays out of the log, at every level, and out of the answers to what is wrong.

A marker stands in the party's name, a characteristic, a note and an e-mail address; everything that can be done with such a cart is
done, the bad as well as the good, up to an order system that quotes it when it refuses.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway
from checkout_work import PLAIN
from http_servers import SilentHandler, served
from httpx import Response

from gateway.tmf.json import encode_json
from gateway.upstream.client import UpstreamClient
from gateway.upstream.options import UpstreamOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")
MARKER = "Xanthippe"
EMAIL = f"{MARKER}@example.com"
PARTY = [{"id": "CD1", "name": MARKER, "role": "customer", "@referredType": "Individual"}]
NOTE = [{"author": MARKER, "text": f"For {MARKER}"}]
ITEM = {
    "id": "1",
    "action": "add",
    "quantity": 1,
    "productOffering": {"id": "P1"},
    "product": {"productCharacteristic": [{"name": "engraving", "value": MARKER}]},
    "note": NOTE,
}
CART = {
    "relatedParty": PARTY,
    "contactMedium": [{"mediumType": "email", "characteristic": {"emailAddress": EMAIL}}],
    "cartItem": [ITEM],
}
# Every attribute of another type or with a word that is not allowed.
BAD_ITEM = {
    "id": "1",
    "action": MARKER,
    "status": MARKER,
    "quantity": MARKER,
    "productOffering": MARKER,
    "product": {"productCharacteristic": [{"name": "engraving"}, MARKER]},
    "note": MARKER,
    "itemPrice": [{"priceType": MARKER, "price": {"dutyFreeAmount": {"unit": "EUR", "value": MARKER}}}],
}
BAD_CART = {
    "relatedParty": [MARKER, {"name": [MARKER]}],
    "contactMedium": {"characteristic": {"emailAddress": EMAIL}},
    "validFor": {"startDateTime": EMAIL, "endDateTime": EMAIL},
    "cartItem": [BAD_ITEM],
}
BAD_REQUEST = {
    "relatedParty": EMAIL,
    "note": [MARKER],
    "description": [MARKER],
    "requestedStartDate": MARKER,
    "submit": EMAIL,
    "channel": MARKER,
    "upstream": EMAIL,
    "externalId": [EMAIL],
}


@pytest.fixture
def quoting() -> Iterator[str]:
    """An order system that refuses every order and quotes it."""

    class Handler(SilentHandler):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            quoted = sent[max(0, sent.index(MARKER) - 20) :][:100]
            self.answer(400, {"code": "21", "reason": "Wrong", "message": f"What is {quoted}?"})

    with served(Handler) as url:
        yield url


def events(log: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in log.getvalue().splitlines()]


def assert_silent(answer: Response, *statuses: int) -> dict[str, Any]:
    """Check that the answer is one of these errors and holds nothing of the marker; return it."""
    assert answer.status_code in statuses, answer.text
    assert MARKER.lower() not in (answer.text + str(answer.headers)).lower()
    error: dict[str, Any] = answer.json()
    return error


async def patched(gateway: Gateway, cart_id: str, patch: Any, **headers: str) -> Response:
    given = {"content-type": "application/merge-patch+json", **headers}
    return await gateway.client.patch(f"{CARTS}/{cart_id}", content=encode_json(patch), headers=given)


async def test_what_is_right_is_not_logged(gateway, whole_log):
    cart_id = await gateway.new_cart(CART)
    assert MARKER in (await gateway.client.get(f"{CARTS}/{cart_id}")).text, "the marker is in the cart"
    assert (await patched(gateway, cart_id, {"relatedParty": PARTY, "cartItem": [ITEM]})).status_code == 200
    order = {"upstream": "plain", "note": NOTE, "relatedParty": PARTY}
    preview = await gateway.post({**order, "shoppingCart": {"id": cart_id}}, f"{CHECKOUTS}/preview")
    assert preview.status_code == 200
    assert MARKER in preview.text
    answer = await gateway.post({**order, "shoppingCart": {"id": cart_id}})
    assert answer.status_code == 202, answer.text
    await gateway.work()

    assert (await gateway.get(answer.json()))["state"] == "submitted"
    assert MARKER in str(gateway.plain.orders)
    assert "step.outcome" in events(whole_log)
    assert MARKER not in whole_log.getvalue()


async def test_what_is_wrong_is_neither_logged_nor_quoted(gateway, whole_log):
    cart_id = await gateway.new_cart(CART)
    for body in (
        BAD_CART,
        MARKER,
        [EMAIL],
        f'{{"note": "{MARKER}'.encode(),
        {**CART, "cartItem": [ITEM, ITEM, BAD_ITEM]},
    ):
        assert_silent(await gateway.post(body, CARTS), 400)
    # That `validFor` is not for clients to change is said before all else.
    patch = {name: value for name, value in BAD_CART.items() if name != "validFor"}
    error = assert_silent(await patched(gateway, cart_id, patch), 400)
    named = {problem["path"] for problem in error["problem"]}
    assert {"relatedParty[0]", "contactMedium", "cartItem[0].quantity"} <= named
    assert len(named) >= 8
    for name, value in BAD_CART.items():
        error = assert_silent(await patched(gateway, cart_id, {name: value}), 400)
        assert all(problem["path"].startswith(name) for problem in error["problem"]), error
    assert_silent(await patched(gateway, cart_id, {"relatedParty": PARTY}, **{"if-match": '"7"'}), 412)
    for path in (CHECKOUTS, f"{CHECKOUTS}/preview"):
        error = assert_silent(await gateway.post({"shoppingCart": CART, **BAD_REQUEST}, path), 400)
        assert len(error["problem"]) >= 6
        assert_silent(await gateway.post({"shoppingCart": BAD_CART}, path), 400, 422)
        role = [{"name": MARKER, "role": MARKER}]
        named = [{"id": "1", **role[0]}]
        refused = {"shoppingCart": {**CART, "relatedParty": named}, "relatedParty": role, "upstream": "shop"}
        assert_silent(await gateway.post(refused, path), 422)
    logging.getLogger("gateway.test").debug("the log is on")

    assert "the log is on" in events(whole_log)
    assert MARKER not in whole_log.getvalue()


async def test_a_checkout_that_fails_is_logged_without_what_the_order_system_quotes(gateway, whole_log, quoting):
    client = UpstreamClient(UpstreamOptions(name="plain", base_url=quoting, mapping=PLAIN))
    gateway.plain.send = client.send
    try:
        answer = await gateway.post({"shoppingCart": CART, "upstream": "plain"})
        assert answer.status_code == 202, answer.text
        await gateway.work()
    finally:
        await client.close()

    assert (await gateway.get(answer.json()))["state"] == "rejected"
    outcomes = [line for line in map(json.loads, whole_log.getvalue().splitlines()) if line["event"] == "step.outcome"]
    assert [line["outcome"] for line in outcomes] == ["Rejected"]
    assert MARKER not in whole_log.getvalue()


async def test_a_defect_is_logged_without_the_message_of_the_exception(gateway, whole_log):
    async def broken(rendered: Any, **_: Any) -> Any:
        raise RuntimeError(rendered.body.decode())

    gateway.plain.send = broken
    answer = await gateway.post({"shoppingCart": CART, "upstream": "plain"})
    assert answer.status_code == 202, answer.text
    await gateway.work()

    assert "checkout.crashed" in events(whole_log)
    assert MARKER not in whole_log.getvalue()
