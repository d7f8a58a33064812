"""Whether the states of a mapping make sense together. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Words
from typing import Final

from gateway.errors import Problem
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.states import ANY_ENDING, TMF_ORDER_STATES, is_draft
from gateway.ordering.mapping.vocabulary import nearest

_ENDS: Final = ("completed", "failed", "partial", "cancelled", "rejected")


def state_problems(mapping: Mapping) -> Iterator[Problem]:
    """Yield what is wrong with the words of states, and with those that are said to be final."""
    for name, words in (("order", mapping.states.order), ("item", mapping.states.item)):
        yield from _words(f"states.{name}", words)
    for word, state in mapping.states.order.items():
        if state not in TMF_ORDER_STATES:
            continue
        if is_draft(mapping, word) and state in mapping.states.final:
            yield Problem(
                f"states.order.{word}", f"is {state}, which is final, but draft.states has {word}; use draft or pending"
            )
        elif state == "draft" and mapping.draft.supported and not is_draft(mapping, word):
            yield Problem(
                f"states.order.{word}", f"is draft, but draft.states lacks {word}; add it there, or use pending"
            )
    yield from _final(mapping)


def _words(path: str, words: Words[str, str]) -> Iterator[Problem]:
    meanings: dict[str, tuple[str, str]] = {}
    for word, state in words.items():
        other, meaning = meanings.setdefault(word.casefold(), (word, state))
        if meaning != state:
            message = f"is {state}, but {other} is {meaning}: words of states are the same in any case; remove one"
            yield Problem(f"{path}.{word}", message)
        if "*" in word and (not word.endswith(ANY_ENDING) or "*" in word[:-1] or word == ANY_ENDING):
            yield Problem(
                f"{path}.{word}", "has a `*` that stands for nothing; it goes behind a dot at the end: `held.*`"
            )
        if state not in TMF_ORDER_STATES:
            yield Problem(f"{path}.{word}", f"is not a TM Forum order state; {nearest(state, TMF_ORDER_STATES)}")


def _final(mapping: Mapping) -> Iterator[Problem]:
    for position, state in enumerate(mapping.states.final):
        if state not in TMF_ORDER_STATES:
            message = f"is {state}, which is not a TM Forum order state; {nearest(state, _ENDS)}"
            yield Problem(f"states.final[{position}]", message)
        elif state not in _ENDS:
            yield Problem(
                f"states.final[{position}]", f"is {state}, which an order leaves again; known are {', '.join(_ENDS)}"
            )
