"""A client generated from the served API description knows every type: a cart is filled, checked out and followed with it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from typing import Any

import pytest
from checkout_gateway import running, settings_of

from gateway.app import create_app
from gateway.settings import Settings, StorageSettings

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("client")
    app = create_app(Settings(storage=StorageSettings(url=f"sqlite:///{folder / 'gateway.db'}")))
    (folder / "openapi.json").write_bytes(app.state.openapi_json())
    scripts = sysconfig.get_path("scripts")
    command = [f"{scripts}/openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none"]
    done = subprocess.run(
        [*command, "--output-path", "shop_client"],
        cwd=folder,
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout + done.stderr, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield "shop_client"
    sys.path.remove(str(folder))


def module(package: str, name: str) -> Any:
    return importlib.import_module(f"{package}.{name}")


async def test_a_cart_is_checked_out_with_typed_values(generated: str, settings: Settings) -> None:
    models = module(generated, "models")
    carts, checkouts = (f"api.{tag}" for tag in ("shopping_cart", "checkout"))
    create = module(generated, f"{carts}.create_shopping_cart").asyncio
    item = models.CartItem(
        id="1",
        action=models.CartItemActionType.ADD,
        quantity=2,
        product_offering=models.ProductOfferingRef(id="SIM"),
        product=models.ProductRefOrValue(
            product_characteristic=[models.Characteristic(name="colour", value="red")],
            place=[models.RelatedPlaceRefOrValue(id="P1", role="installation address")],
        ),
        item_price=[
            models.CartPrice(
                price_type="oneTime",
                price=models.Price(duty_free_amount=models.Money(unit="EUR", value=5.0)),
            )
        ],
    )
    party = models.RelatedParty(id="C1", role="customer", referred_type="Customer")
    async with running(settings_of(settings.storage)) as gateway:
        client = module(generated, "client").Client(base_url="http://gateway.test")
        client.set_async_httpx_client(gateway.client)

        cart = await create(client=client, body=models.ShoppingCartCreate(cart_item=[item], related_party=[party]))
        assert isinstance(cart, models.ShoppingCart)
        total = cart.cart_total_price[0]
        assert isinstance(total, models.CartPrice)
        assert total.price.duty_free_amount.value == 10.0

        wish = models.CheckoutRequest(
            shopping_cart=models.StoredCart(id=cart.id),
            upstream="plain",
            related_party=[models.CheckoutParty(id="C1", role="customer")],
            priority=models.CheckoutRequestPriority.VALUE_0,
        )
        preview = await module(generated, f"{checkouts}.preview_checkout").asyncio(client=client, body=wish)
        assert isinstance(preview, models.CheckoutPreview)
        assert isinstance(preview.order, models.ProductOrderCreateTMF622V4)
        assert preview.order.product_order_item[0].quantity == 2
        assert [step.kind for step in preview.step] == ["create"]
        assert all(isinstance(finding, models.Finding) for finding in preview.finding)

        accepted = await module(generated, f"{checkouts}.create_checkout").asyncio(
            client=client, body=wish, idempotency_key="k1"
        )
        assert isinstance(accepted, models.Checkout)
        await gateway.work()
        retrieve = module(generated, f"{checkouts}.retrieve_checkout").asyncio
        checkout = await retrieve(checkout_id=accepted.id, client=client)
        assert checkout.state is models.CheckoutState.SUBMITTED
        assert isinstance(checkout.product_order, models.CheckoutOrder)
        assert isinstance(checkout.item[0], models.CheckoutItem)
        assert isinstance(checkout.step[0], models.CheckoutStep)
        assert isinstance(checkout.progress, models.CheckoutProgress)
        assert checkout.reason.code is models.CheckoutReasonCode.FOLLOWING_ORDER

        refused = await create(client=client, body=models.ShoppingCartCreate(cart_item=[models.CartItem(quantity=0)]))
        assert isinstance(refused, models.Error)
        assert refused.problem[0].path == "cartItem[0].quantity"
