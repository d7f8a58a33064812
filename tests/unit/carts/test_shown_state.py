"""Where a cart is stands at the end of its text, whatever that text looks like."""

from __future__ import annotations

import json

import pytest

from gateway.carts.after_order import shown_state, with_state

OPEN = shown_state(None, "", ordered=False)
HELD = shown_state("c1", "http://shop", ordered=True)


@pytest.mark.parametrize("told", [OPEN, HELD], ids=["open", "ordered"])
@pytest.mark.parametrize(
    "text",
    [
        b'{"id":"1"}',
        b'{"id":"1"} \n',
        b'{"id":"}"}',
        # From before these names were the server's: as a text, inside of something, as an attribute.
        b'{"id":"1","note":"checkoutState"}',
        b'{"id":"1","cartItem":[{"checkoutState":"mine"}]}',
        b'{"checkoutState":"mine","id":"1","checkout":{"id":"mine"}}',
    ],
)
def test_the_state_is_the_servers_and_stands_there_once(text: bytes, told: dict[str, object]) -> None:
    stored = json.loads(text)
    pairs = json.loads(with_state(text, told), object_pairs_hook=list)
    assert len(pairs) == len({name for name, _ in pairs})
    own = {name: value for name, value in stored.items() if name != "checkoutState"}
    assert json.loads(with_state(text, told)) == own | told
