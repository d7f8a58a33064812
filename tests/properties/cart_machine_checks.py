"""What the cart machine drives, and what must be true of every answer it gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
from application_runs import started
from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy import delete

from gateway.app import GatewayApp, create_app
from gateway.carts.sweep import Sweep
from gateway.settings import Settings, StorageSettings
from gateway.storage import tables
from tests.properties import cart_model as model
from tests.properties.cart_model import BASES, Cart, Document, Refused
from tests.properties.cart_vocabulary import meaning

HOST = "http://gateway.test"
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Gateway:
    """The application with a clock that can be moved, driven step by step."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._runner = stack.enter_context(asyncio.Runner())
        self.app: GatewayApp = create_app(Settings(storage=StorageSettings(url=f"sqlite:///{path}", readers_max=1)))
        self.now = START
        self.app.services = replace(self.app.services, clock=lambda: self.now)
        lifespan = started(self.app)
        self.run(lifespan.__aenter__())
        stack.callback(lambda: self.run(lifespan.__aexit__(None, None, None)))
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)  # type: ignore[arg-type]
        self._client = httpx.AsyncClient(transport=transport, base_url=HOST)
        stack.callback(lambda: self.run(self._client.aclose()))

    def run(self, awaitable: Any) -> Any:
        return self._runner.run(awaitable)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = None if body is None else model.written(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: httpx.Response = self.run(self._client.request(method, path, content=content, headers=named))
        return answer

    def write(self, function: Callable[[Any], Any]) -> Any:
        return self.run(self.app.services.database.write(function))

    def sweep(self) -> int:
        swept: int = self.run(Sweep(Settings().cart, self.app.services.database, lambda: self.now).once())
        return swept

    def empty(self) -> None:
        self.now = START
        for table in (tables.cart, tables.cart_party):
            self.write(lambda connection, name=table: connection.execute(delete(name)))


class CartChecks(RuleBasedStateMachine):
    """The carts of the model, and their comparison with those of the gateway."""

    gateway: ClassVar[Gateway]

    def __init__(self) -> None:
        super().__init__()
        self.carts: dict[str, Cart] = {}
        self.gone: list[str] = ["never-there"]

    def chosen(self, number: int) -> Cart:
        return list(self.carts.values())[number % len(self.carts)]

    def tick(self) -> None:
        self.gateway.now += timedelta(seconds=1)

    def if_match(self, cart: Cart, condition: str) -> dict[str, str]:
        stale = cart.etags[0] if len(cart.etags) > 1 else '"0"'
        tags = {"right": cart.etag, "any": "*", "stale": stale, "foreign": '"a", "99999"'}
        return {"if_match": tags[condition]} if condition in tags else {}

    def require_changeable(self, cart: Cart, condition: str) -> None:
        if cart.checkout is not None:
            raise Refused(409)
        if condition in {"stale", "foreign"}:
            raise Refused(412)
        if cart.expires <= self.gateway.now:
            raise Refused(409)

    # What must be true of every answer.

    def agrees(self, cart: Cart, version: str, shown: Document) -> None:
        """Compare a cart as it was answered with the model, its derived parts with what they derive from."""
        expected = cart.shown[version]
        assert model.text(model.stripped(shown, version)) == model.text(expected)
        assert model.told_totals(shown.get("cartTotalPrice", [])) == model.cart_totals(expected, version)
        for item in model.items_of(shown):
            assert model.told_totals(item.get(model.ITEM_TOTAL[version], [])) == model.own_totals(item)
        assert shown["validFor"] == cart.validity()
        assert shown["checkoutState"] == ("open" if cart.checkout is None else "inCheckout")
        assert shown.get("checkout", {}).get("id") == cart.checkout
        if version == "v5":
            assert shown["creationDate"] == model.moment_text(cart.created)
            assert shown["lastUpdate"] == model.moment_text(cart.updated)

    def settled(self, cart: Cart, version: str, expected: Document, answer: httpx.Response) -> None:
        """Take a change over into the model: exact in the version that was spoken, in the others by its meaning."""
        before, etag = cart.shown, answer.headers["etag"]
        assert etag not in cart.etags
        cart.shown, cart.etag = {version: expected}, etag
        cart.etags.append(etag)
        self.agrees(cart, version, model.read(answer.content))
        said = meaning(version, expected)
        for other, base in BASES.items():
            answer = self.gateway.send("GET", f"{base}/{cart.id}")
            assert (answer.status_code, answer.headers["etag"]) == (200, etag)
            shown = model.read(answer.content)
            found = model.stripped(shown, other)
            assert model.text(meaning(other, found)) == model.text(said)
            if other != version and before:
                self.untouched(before, expected, version, found, other)
            cart.shown.setdefault(other, found)
            self.agrees(cart, other, shown)

    def untouched(
        self, before: dict[str, Document], after: Document, version: str, found: Document, other: str
    ) -> None:
        """What a change in one version left alone is in another to the letter what it was."""
        for name in before[version].keys() & after.keys() - {"href", "@type"}:
            if model.text(before[version][name]) == model.text(after[name]):
                assert model.text(found.get(name)) == model.text(before[other].get(name)), name

    def unchanged(self, cart: Cart) -> None:
        for version, base in BASES.items():
            answer = self.gateway.send("GET", f"{base}/{cart.id}", if_none_match='"other"')
            assert (answer.status_code, answer.headers["etag"]) == (200, cart.shown_etag)
            assert ("sunset" in answer.headers) == (cart.expires <= self.gateway.now)
            self.agrees(cart, version, model.read(answer.content))

    def listed(self, answer: httpx.Response, version: str, expected: list[Cart]) -> None:
        found = model.read(answer.content)
        assert [each["id"] for each in found] == [cart.id for cart in expected]
        for cart, shown in zip(expected, found, strict=True):
            self.agrees(cart, version, shown)
