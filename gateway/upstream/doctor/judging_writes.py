"""From what was seen of a test order to what the order system can do. Pure."""

from __future__ import annotations

from gateway.ordering import Mapping, is_draft
from gateway.storage.capabilities import Capability, CapabilityName
from gateway.upstream.doctor.seen import HubSeen, RepeatSeen, WriteSeen
from gateway.upstream.doctor.words import made, some

WRITTEN: tuple[CapabilityName, ...] = (
    "created_id", "contents_kept", "draft", "growth", "own_writes_shown", "repeated_post", "idempotency_key", "test_order_voided",
)  # fmt: skip


def judge_written(written: WriteSeen | None, mapping: Mapping) -> list[Capability]:
    """Return what the test order shows; None: none was made."""
    if written is None:
        return [made(name, "unknown", "measured with --write only") for name in WRITTEN]
    if written.refused:
        why = f"the test order was not made: {written.refused}"
        if written.named_by == "nothing":
            why = f"the test order may be there and is not known: look for {written.marker} and void it ({written.refused})"
        return [
            _created_id(written, mapping),
            *(made(name, "unknown", why) for name in WRITTEN if name != "created_id"),
        ]
    return [
        _created_id(written, mapping),
        _contents(written),
        _draft(written, mapping),
        _growth(written, mapping),
        _late(written),
        _repeated("repeated_post", written.repeat, written.twins),
        _repeated("idempotency_key", written.keyed, 0),
        _void(written),
    ]


def _created_id(written: WriteSeen, mapping: Mapping) -> Capability:
    """Return what names a new order. Notifications come to the gateway, not here: what they name is not seen."""
    relied = mapping.api.created_id_from
    if written.named_by == "answer":
        return made("created_id", "works", "the answer names the new order")
    if written.named_by == "search":
        said = "the answer does not name the new order, the search with its marker does"
        return made("created_id", "fails" if relied == "answer" else "works", said)
    if written.named_by == "nothing":
        said = f"nothing named the new order ({written.refused}), no search with its marker either"
        return made("created_id", "unknown" if relied == "event" else "fails", said)
    return made("created_id", "unknown", f"the test order was not made: {written.refused}")


def _contents(written: WriteSeen) -> Capability:
    if written.created is None:
        return made("contents_kept", "unknown", "the test order could not be read")
    if written.difference:
        return made("contents_kept", "fails", written.difference)
    return made("contents_kept", "works", "the test order holds what was sent")


def _draft(written: WriteSeen, mapping: Mapping) -> Capability:
    if written.created is None:
        return made("draft", "unknown", "the test order could not be read")
    state = written.created.state
    is_one = is_draft(mapping, state)
    word = f'its state is "{state}"' if state else "it shows no state"
    if mapping.draft.supported:
        return made("draft", "works" if is_one else "fails", f"{word}, which is {'a' if is_one else 'no'} draft")
    return made("draft", "works", f"a POST is live at once: {word}")


def _growth(written: WriteSeen, mapping: Mapping) -> Capability:
    if not written.grew:
        why = "the mapping does not grow drafts" if mapping.draft.growth == "none" else "the draft was not grown"
        return made("growth", "unknown", why)
    if written.grown:
        return made("growth", "fails", written.grown)
    return made("growth", "works", "the items of both calls are there")


def _late(written: WriteSeen) -> Capability:
    shown = written.shown
    if shown is None:
        return made("own_writes_shown", "unknown", "not measured")
    parts = {"by its id": shown.by_id, "on the list": shown.in_list, "by the search": shown.by_search}
    never = [name for name, seconds in parts.items() if seconds is None]
    if never:
        said = f"not shown {' or '.join(never)} within {shown.waited_seconds:.0f} s"
        return made("own_writes_shown", "fails", said)
    told = ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in parts.items())
    return made("own_writes_shown", "works", told)


def _repeated(name: CapabilityName, repeat: RepeatSeen | None, twins: int) -> Capability:
    if twins:
        said = f"{twins} more orders carry the marker of a call that was sent once: something repeats calls"
        return made(name, "fails", said)
    if repeat is None or repeat.failed:
        return made(name, "unknown", "not measured" if repeat is None else repeat.failed)
    if repeat.refused:
        return made(name, "works", f"the second call is refused: {repeat.refused}")
    if repeat.second == repeat.first:
        return made(name, "works", "the second call is answered with the first one's order")
    return made(name, "fails", f"the second call makes a second order ({repeat.second})")


def _void(written: WriteSeen) -> Capability:
    left = f"; left as they are: {some(written.left)}" if written.left else ""
    if written.voided is None and not written.left:
        return made("test_order_voided", "works", "every test order was voided")
    return made("test_order_voided", "fails", f"{written.voided or 'not every test order was voided'}{left}")


def judge_hub(seen: HubSeen | None, mapping: Mapping) -> Capability:
    """Return whether the gateway can register itself for notifications, and take that back; None: it was not tried."""
    if not mapping.api.hub_resource:
        return made("hub_registration", "unknown", "the mapping names no hub")
    if seen is None:
        return made("hub_registration", "unknown", "measured with --write only")
    if seen.refused:
        return made("hub_registration", "fails", f"an address was not registered: {seen.refused}")
    if seen.left:
        return made("hub_registration", "fails", f"{seen.callback} was registered, and is left as it is: {seen.left}")
    return made("hub_registration", "works", "an address was registered, and taken back")
