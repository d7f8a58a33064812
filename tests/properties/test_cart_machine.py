"""Any sequence of operations on several carts, in three versions at once, agrees with a model of carts in memory.

After each step the cart that was touched is read in every version and compared with the model, its ETag has changed if and only
if the cart has, its totals are those of its items; and a list in one of the versions shows every cart as the model has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from gateway.carts import holding
from tests.properties import cart_model as model
from tests.properties.cart_machine_checks import HOST, CartChecks, Gateway
from tests.properties.cart_model import BASES, Cart, Document, attempted
from tests.properties.cart_vocabulary import (
    PARTIES,
    Content,
    body_in,
    contents,
    emails,
    item_in,
    items,
    media_in,
    parties,
    parties_in,
    party_ids,
    vendors,
)

MERGE, PLAIN = "application/merge-patch+json", "application/json"
PATCH, QUERY = "application/json-patch+json", "application/json-patch-query+json"
versions = st.sampled_from(("v1", "v4", "v5"))
numbers = st.integers(0, 5)
# Which ETag a change is sent with; "none" without.
conditions = st.sampled_from(("none",) * 5 + ("right", "right", "any", "stale", "foreign"))


class CartMachine(CartChecks):
    """The rules: each does something to the gateway, and the same to the model."""

    @initialize(first=st.lists(st.tuples(contents, versions), min_size=2, max_size=4))
    def begin(self, first: list[tuple[Content, str]]) -> None:
        self.gateway.empty()
        self.turn = 0
        for content, version in first:
            self.create(content, version)

    # What clients do.

    @rule(content=contents, version=versions, days=st.sampled_from((None, None, None, -1, 2, 200)))
    def create(self, content: Content, version: str, days: int | None = None) -> None:
        self.tick()
        body, now = body_in(version, content), self.gateway.now
        given = None if days is None else {"endDateTime": model.moment_text(now + timedelta(days=days))}
        sent = {**body, "id": "of-the-client", "href": "/elsewhere", **({"validFor": given} if given else {})}
        answer = self.gateway.send("POST", BASES[version], sent, content_type=PLAIN)
        expected, status = attempted(lambda: model.completed(body), 201)
        assert answer.status_code == status, answer.text
        if expected is None:
            return
        found = model.read(answer.content)
        href = f"{HOST}{BASES[version]}/{found['id']}"
        assert (found["href"], answer.headers["location"]) == (href, href)
        assert found["id"] not in {*self.carts, *self.gone}
        cart = Cart(found["id"], now, now, now + timedelta(days=days or 0), given)
        cart.touch(now, expected.get("cartItem"))
        self.carts[cart.id] = cart
        self.settled(cart, version, {**expected, "id": cart.id, "href": href}, answer)

    def change(
        self, number: int, version: str, condition: str, media: str, body: Any, patched: Callable[[Document], Document]
    ) -> None:
        """Send a PATCH and compare what comes of it with what `patched` makes of the cart."""
        self.tick()
        cart = self.chosen(number)
        headers = {"content_type": media, **self.if_match(cart, condition)}
        answer = self.gateway.send("PATCH", f"{BASES[version]}/{cart.id}", body, **headers)
        before = cart.shown[version]

        def changed() -> Document:
            self.require_changeable(cart, condition)
            after = model.completed(patched(before), before)
            # R17 wants items, though an empty list of them is fine.
            return model.refuse(400) if version == "v1" and "cartItem" in before and "cartItem" not in after else after

        expected, status = attempted(changed, 201 if version == "v1" else 200)
        assert answer.status_code == status, answer.text
        if expected is None:
            self.unchanged(cart)
            return
        cart.touch(self.gateway.now, expected.get("cartItem"))
        self.settled(cart, version, expected, answer)

    @precondition(lambda self: self.carts)
    @rule(
        number=numbers,
        version=versions,
        condition=conditions,
        media=st.sampled_from((MERGE, PLAIN)),
        content=contents,
        nulls=st.sets(st.sampled_from(("cartItem", "contactMedium", "relatedParty", "vendor")), max_size=2),
    )
    def merge_patch(
        self, number: int, version: str, condition: str, media: str, content: Content, nulls: set[str]
    ) -> None:
        patch = body_in(version, content)
        if content.items is None:
            patch.pop("cartItem", None)
        patch |= dict.fromkeys(nulls)
        self.change(number, version, condition, media, patch, lambda cart: model.merge_patched(cart, patch))

    @precondition(lambda self: self.carts)
    @rule(
        number=numbers,
        version=versions,
        condition=conditions,
        quantity=st.none() | st.integers(0, 4),
        at=numbers,
        bare=st.booleans(),
    )
    def read_change_and_write_back(
        self, number: int, version: str, condition: str, quantity: int | None, at: int, bare: bool
    ) -> None:
        """What many clients do: the items as they were read, totals and all, one of them changed (or none).

        A `bare` one has lost its prices but not their total, which is worth nothing without them.
        """
        path = f"{BASES[version]}/{self.chosen(number).id}"
        entries = model.read(self.gateway.send("GET", path).content).get("cartItem", [])
        if entries and quantity is not None:
            entries[at % len(entries)]["quantity"] = quantity
        if entries and bare:
            entries[at % len(entries)].pop("itemPrice", None)
        kept = model.stripped({"cartItem": entries}, version)
        patch = {"cartItem": entries}
        self.change(number, version, condition, MERGE, patch, lambda cart: {**cart, **kept})

    @precondition(lambda self: self.carts)
    @rule(data=st.data(), number=numbers, version=versions, condition=conditions)
    def json_patch(self, data: st.DataObject, number: int, version: str, condition: str) -> None:
        at = st.integers(0, 2)
        shown = self.chosen(number).shown[version]
        operation = st.one_of(
            items.map(lambda item: {"op": "add", "path": "/cartItem/-", "value": item_in(version, item)}),
            st.tuples(at, items).map(
                lambda pair: {"op": "add", "path": f"/cartItem/{pair[0]}", "value": item_in(version, pair[1])}
            ),
            items.map(lambda item: {"op": "add", "path": "/cartItem", "value": item_in(version, item)})
            if "cartItem" in shown
            else st.nothing(),
            at.map(lambda place: {"op": "remove", "path": f"/cartItem/{place}"}),
            at.map(lambda place: {"op": "remove", "path": f"/cartItem/{place}/itemPrice"}),
            st.tuples(at, at).map(
                lambda pair: {"op": "replace", "path": f"/cartItem/{pair[0]}/quantity", "value": pair[1]}
            ),
            at.map(lambda place: {"op": "test", "path": f"/cartItem/{place}/quantity", "value": 1}),
            st.tuples(at, at).map(
                lambda pair: {"op": "move", "from": f"/cartItem/{pair[0]}", "path": f"/cartItem/{pair[1]}"}
            ),
            at.map(lambda place: {"op": "copy", "from": f"/cartItem/{place}", "path": "/cartItem/-"}),
            vendors.map(lambda value: {"op": "add", "path": "/vendor", "value": value}),
            st.just({"op": "copy", "from": "/vendor", "path": "/copied"}),
            st.just({"op": "test", "path": "/vendor", "value": 7}),
            emails.map(lambda found: {"op": "add", "path": "/contactMedium", "value": media_in(version, found)}),
            parties.map(lambda found: {"op": "add", "path": "/relatedParty", "value": parties_in(version, found)}),
        )
        operations = data.draw(st.lists(operation, max_size=3))
        self.change(number, version, condition, PATCH, operations, lambda cart: model.json_patched(cart, operations))

    @precondition(lambda self: self.carts)
    @rule(
        number=numbers,
        version=versions,
        condition=conditions,
        verb=st.sampled_from(("remove", "delete", "replace")),
        attribute=st.sampled_from(("id", "id", "status", "quantity")),
        at=numbers,
        quantity=st.integers(1, 9),
        equals=st.sampled_from(("=", "==")),
    )
    def query_patch(
        self, number: int, version: str, condition: str, verb: str, attribute: str, at: int, quantity: int, equals: str
    ) -> None:
        ids = [item["id"] for item in model.items_of(self.chosen(number).shown[version])] or ["none"]
        value: Any = {"id": ids[at % len(ids)], "status": model.SAVED[version], "quantity": 1}[attribute]
        told = f"cartItem.quantity>{value}" if attribute == "quantity" else f"cartItem.{attribute}{equals}'{value}' "
        operation = {"op": verb, "path": f"/cartItem?{told}"}
        if verb == "replace":
            operation = {"op": verb, "path": f"/cartItem/quantity?{told}", "value": quantity}
        self.change(
            number,
            version,
            condition,
            QUERY,
            [operation],
            lambda cart: model.query_patched(
                cart, "replace" if verb == "replace" else "remove", attribute, value, quantity
            ),
        )

    @precondition(lambda self: self.carts)
    @rule(number=numbers, further=st.sampled_from((1, 1, 2, 3, 0)), version=versions, condition=conditions)
    def merge(self, number: int, further: int, version: str, condition: str) -> None:
        self.tick()
        cart, other = self.chosen(number), self.chosen(number + further)
        answer = self.gateway.send(
            "POST",
            f"{BASES[version]}/{cart.id}/merge",
            {"shoppingCart": {"id": other.id}},
            content_type=PLAIN,
            **self.if_match(cart, condition),
        )

        def merged() -> Document:
            if cart is other:
                model.refuse(422)
            self.require_changeable(cart, condition)
            if other.checkout is not None or other.expires <= self.gateway.now:
                model.refuse(409)
            return model.merged(cart.shown["v4"], other.shown["v4"])

        expected, status = attempted(merged, 200)
        assert answer.status_code == status, answer.text
        if expected is None:
            self.unchanged(cart)
            self.unchanged(other)
            return
        del self.carts[other.id]
        self.gone.append(other.id)
        cart.touch(self.gateway.now, expected.get("cartItem"))
        # What is stored is known to the letter in v4; what was answered must be what is read.
        stored = self.gateway.send("GET", f"{BASES['v4']}/{cart.id}")
        assert answer.content == self.gateway.send("GET", f"{BASES[version]}/{cart.id}").content
        self.settled(cart, "v4", expected, stored)

    @precondition(lambda self: self.carts)
    @rule(number=numbers, version=versions, condition=conditions)
    def delete(self, number: int, version: str, condition: str) -> None:
        self.tick()
        cart = self.chosen(number)
        answer = self.gateway.send("DELETE", f"{BASES[version]}/{cart.id}", **self.if_match(cart, condition))
        if cart.checkout is not None or condition in {"stale", "foreign"}:
            assert answer.status_code == (409 if cart.checkout is not None else 412)
            self.unchanged(cart)
            return
        assert (answer.status_code, answer.content) == (204, b"")
        del self.carts[cart.id]
        self.gone.append(cart.id)

    @rule(number=st.integers(0, 20), version=versions, method=st.sampled_from(("GET", "PATCH", "DELETE")))
    def ask_for_what_is_gone(self, number: int, version: str, method: str) -> None:
        path = f"{BASES[version]}/{self.gone[number % len(self.gone)]}"
        answer = self.gateway.send(method, path, {} if method == "PATCH" else None, content_type=PLAIN)
        assert (answer.status_code, answer.json()["code"]) == (404, "60")

    @precondition(lambda self: self.carts)
    @rule(number=numbers, checkout=st.sampled_from(("one", "two")))
    def hold(self, number: int, checkout: str) -> None:
        cart = self.chosen(number)
        held = self.gateway.write(lambda connection: holding.lock(connection, "default", cart.id, checkout))
        assert held == (cart.checkout in {None, checkout})
        cart.checkout = checkout if held else cart.checkout
        self.unchanged(cart)

    @precondition(lambda self: any(cart.checkout for cart in self.carts.values()))
    @rule(number=numbers, checkout=st.sampled_from(("one", "two")))
    def let_go(self, number: int, checkout: str) -> None:
        held = [cart for cart in self.carts.values() if cart.checkout]
        cart = held[number % len(held)]
        freed = self.gateway.write(lambda connection: holding.release(connection, "default", cart.id, checkout))
        assert freed == (cart.checkout == checkout)
        cart.checkout = None if freed else cart.checkout
        self.unchanged(cart)

    @rule(days=st.sampled_from((0.5, 0.5, 3, 6, 8, 91)))
    def wait(self, days: float) -> None:
        self.gateway.now += timedelta(days=days)

    @rule()
    def sweep(self) -> None:
        swept = [cart.id for cart in self.carts.values() if cart.is_swept(self.gateway.now)]
        assert self.gateway.sweep() == len(swept)
        for cart_id in swept:
            del self.carts[cart_id]
            self.gone.append(cart_id)

    @rule(
        version=versions,
        party=st.none() | st.sampled_from(PARTIES),
        limit=st.none() | st.integers(1, 4),
        offset=st.none() | st.integers(0, 3),
    )
    def list_some(self, version: str, party: str | None, limit: int | None, offset: int | None) -> None:
        wanted = [
            cart for cart in self.carts.values() if party is None or party in party_ids(version, cart.shown[version])
        ]
        name = "relatedParty.partyOrPartyRole.id" if version == "v5" else "relatedParty.id"
        asked = {name: party, "limit": limit, "offset": offset}
        query = "&".join(f"{key}={value}" for key, value in asked.items() if value is not None)
        answer = self.gateway.send("GET", f"{BASES[version]}?{query}")
        part = wanted[offset or 0 :][: limit or None]
        is_partial = limit is not None and (offset or 0) + len(part) < len(wanted)
        assert answer.status_code == (206 if is_partial else 200), answer.text
        assert answer.headers["x-total-count"] == str(len(wanted))
        assert answer.headers["x-result-count"] == str(len(part))
        self.listed(answer, version, part)

    @invariant()
    def every_cart_is_there_as_it_should_be(self) -> None:
        if not hasattr(self, "turn"):
            return
        self.turn += 1
        version = ("v1", "v4", "v5")[self.turn % 3]
        answer = self.gateway.send("GET", f"{BASES[version]}?limit=100")
        assert (answer.status_code, answer.headers["x-total-count"]) == (200, str(len(self.carts)))
        self.listed(answer, version, list(self.carts.values()))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with ExitStack() as stack:
        yield Gateway(tmp_path_factory.mktemp("machine") / "gateway.db", stack)


def test_any_sequence_of_operations_agrees_with_the_model(gateway: Gateway) -> None:
    CartMachine.gateway = gateway
    run_state_machine_as_test(
        CartMachine,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            # What fails is told as it was found: making it smaller would take minutes.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            report_multiple_bugs=False,
        ),
    )
