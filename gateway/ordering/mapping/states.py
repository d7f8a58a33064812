"""The words an order system has for an order's state, and the standard's. Compared without regard to case. Pure."""

from __future__ import annotations

from typing import Final

from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Finding, ObservedOrder

TMF_ORDER_STATES: Final = (
    "acknowledged", "rejected", "pending", "held", "inProgress", "inProgress.accepted", "cancelled", "completed", "failed",
    "partial", "assessingCancellation", "pendingCancellation", "draft",
)  # fmt: skip
"""The states of an order in TMF622."""
ANY_ENDING: Final = ".*"
"""What a word of the mapping ends with that stands for all that begin so: `held.*` for `held.assessingCharge`."""
_CHARACTERS_MAX: Final = 80
_NAMED_MAX: Final = 5


def tmf_state(mapping: Mapping, upstream_state: str) -> str:
    """Return TM Forum's word for a state of the order system; a word that is not known passes through.

    Args:
        mapping: its `[states]` translate; what it does not name is looked up among TM Forum's own words.
        upstream_state: as the order system writes it, in any case.

    Raises:
        Nothing.

    Source: TMF622 v4 and v5 (ProductOrderStateType).
    """
    return _known(mapping, upstream_state) or upstream_state


def tmf_item_state(mapping: Mapping, upstream_state: str) -> str:
    """Return the TM Forum word for the state of an item: by `states.item`, otherwise as an order's."""
    return _meant(mapping.states.item, upstream_state) or tmf_state(mapping, upstream_state)


def is_final(mapping: Mapping, state: str) -> bool:
    """Tell whether the TM Forum order state `state` is never left."""
    return _is_among(state, mapping.states.final)


def is_draft(mapping: Mapping, upstream_state: str) -> bool:
    """Tell whether a state of the order system means that the order is still inert: nobody fulfils it before it is submitted.

    Args:
        mapping: names such states in `draft.states`.
        upstream_state: as the order system writes it, in any case; empty where it shows none.

    Raises:
        Nothing.

    Source: decision 3 (drafts first).
    """
    return _is_among(upstream_state, mapping.draft.states)


def shows_submission(mapping: Mapping, upstream_state: str) -> bool:
    """Tell whether a state in the answer to a submission is news: not a draft's, none, or only the word that was sent."""
    sent = mapping.draft.submit_attributes.get("state")
    only_repeats = isinstance(sent, str) and is_same_word(upstream_state, sent)
    return bool(upstream_state) and not only_repeats and not is_draft(mapping, upstream_state)


def is_same_word(one: str, other: str) -> bool:
    """Tell whether two words of states are the same but for upper and lower case."""
    return one == other or one.casefold() == other.casefold()


def unknown_state(mapping: Mapping, upstream_state: str) -> Finding | None:
    """Return the finding that a state is neither in the mapping nor the standard's; None where there is nothing to tell."""
    if not upstream_state or is_draft(mapping, upstream_state) or _known(mapping, upstream_state) is not None:
        return None
    shown = _printable(upstream_state)
    return Finding(
        severity="warning",
        code="unknown_state",
        path="",
        message=f"the order system shows the order as {shown}, which states.order of the mapping {mapping.name} does not have; "
        "it is passed on as it is, and is not taken for an end",
    )


def unknown_item_states(mapping: Mapping, observed: ObservedOrder) -> Finding | None:
    """Return the finding that items show states that are neither in the mapping nor the standard's; None where there is nothing to tell."""
    shown = {line.state for line in observed.lines if line.state and not is_draft(mapping, line.state)}
    strange = sorted(
        state for state in shown if not _meant(mapping.states.item, state) and _known(mapping, state) is None
    )
    if not strange:
        return None
    named = ", ".join(_printable(state) for state in strange[:_NAMED_MAX])
    return Finding(
        severity="warning",
        code="unknown_item_state",
        path="",
        message=f"the order system shows items as {named}, which neither states.item nor states.order of the mapping {mapping.name} has; "
        "they are passed on as they are",
    )


def _printable(text: str) -> str:
    return "".join(character for character in text[:_CHARACTERS_MAX] if character.isprintable())


def _known(mapping: Mapping, upstream_state: str) -> str | None:
    """Return the meaning of a word: by the mapping, as the standard's own, or by the longest beginning that the mapping has."""
    exact = _exact(mapping.states.order, upstream_state)
    if exact is not None:
        return exact
    folded = upstream_state.casefold()
    standard = next((state for state in TMF_ORDER_STATES if state.casefold() == folded), None)
    return standard or _by_beginning(mapping.states.order, folded)


def _meant(words: dict[str, str], upstream_state: str) -> str | None:
    return _exact(words, upstream_state) or _by_beginning(words, upstream_state.casefold())


def _exact(words: dict[str, str], upstream_state: str) -> str | None:
    if upstream_state in words:
        return words[upstream_state]
    folded = upstream_state.casefold()
    return next((state for word, state in words.items() if word.casefold() == folded), None)


def _by_beginning(words: dict[str, str], folded: str) -> str | None:
    """Return the meaning of the longest `held.*` whose beginning the word has."""
    beginnings = [
        (len(word), state)
        for word, state in words.items()
        if word.endswith(ANY_ENDING) and folded.startswith(word.removesuffix("*").casefold())
    ]
    return max(beginnings)[1] if beginnings else None


def _is_among(word: str, words: tuple[str, ...]) -> bool:
    return word in words or any(is_same_word(word, each) for each in words)
