"""How an order names itself and its actions in the words of one order system."""

from __future__ import annotations

from typing import Final

from gateway.ordering.mapping.model import Mapping

EXTERNAL_ID_OWNER: Final = "tmf-checkout-gateway"
EXTERNAL_ID_KIND: Final = "checkout"


def in_case(word: str, mapping: Mapping) -> str:
    """Return the action `word` in the mapping's case."""
    return word[:1].upper() + word[1:] if mapping.item.action_case == "capitalised" else word
