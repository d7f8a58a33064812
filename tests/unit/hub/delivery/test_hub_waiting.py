"""The window of loaded events: nothing is lost, nothing overtakes within a resource, whatever fails or dies when."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.hub.delivery.waiting import WaitingEvents
from gateway.hub.model import Blocked, Event

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def event(position: int, resource: str) -> Event:
    return Event(position, f"event-{position}", resource, "ShoppingCartCreateEvent", None, None, 10, "{}", NOW)


def window_of(*resources: str) -> WaitingEvents:
    window = WaitingEvents(0, {})
    window.take([(event(number, resource), True) for number, resource in enumerate(resources, start=1)])
    return window


def drain(window: WaitingEvents) -> list[int]:
    """Send and settle everything that is ready; return the positions."""
    sent = []
    while (each := window.next_ready()) is not None:
        sent.append(each.position)
        window.settle(each, NOW)
    return sent


def test_resources_do_not_wait_for_each_other_and_events_of_one_do():
    window = window_of("a", "a", "b")

    first, second = window.next_ready(), window.next_ready()
    assert (first.position, second.position) == (1, 3)
    assert window.next_ready() is None
    assert window.watermark == 0

    window.settle(second, NOW)
    assert window.watermark == 0
    window.settle(first, NOW)
    assert window.watermark == 1
    assert drain(window) == [2]
    assert window.watermark == 3
    assert window.is_empty
    assert (window.loaded_events, window.loaded_bytes) == (0, 0)


def test_a_refused_event_lets_the_watermark_pass_and_holds_its_resource():
    window = window_of("a", "b", "a")
    window.block(window.next_ready(), Blocked(position=1, attempts=1, since=NOW, due_at=NOW))
    window.take([(event(4, "a"), True), (event(5, "b"), True)])

    assert drain(window) == [2, 5]
    assert window.watermark == 5
    assert window.blocked["a"].position == 1
    assert window.last_passed("a") == 4
    assert window.changed == {"a"}


def test_a_blocked_resource_goes_on_with_its_next_event_until_none_waits():
    window = window_of("a", "b", "a")
    first = window.next_ready()
    window.block(first, Blocked(position=1, attempts=1, since=NOW, due_at=NOW))

    assert window.next_blocked(NOW) == "a"
    window.begin("a")
    assert window.next_blocked(NOW) is None
    window.settle(first, NOW)
    assert (window.blocked["a"].position, window.blocked["a"].attempts) == (2, 0)
    window.begin("a")
    window.settle(event(3, "a"), NOW)
    assert window.blocked == {}
    window.take([(event(4, "a"), True)])
    assert drain(window) == [2, 4]


def test_an_event_that_is_not_wanted_is_done_with():
    window = WaitingEvents(0, {})
    window.take([(event(1, "a"), False), (event(2, "a"), False)])

    assert window.is_empty
    assert window.watermark == 2


def test_what_is_slow_is_detached_so_that_the_watermark_can_pass():
    window = window_of("a", "b", "a")
    slow = window.next_ready()
    drain(window)
    assert window.watermark == 0

    window.detach(window.sent, NOW)
    assert window.watermark == 3
    assert window.blocked["a"].position == 1
    window.settle(slow, NOW)
    assert window.blocked["a"].position == 2


def test_closing_forgets_what_was_not_overtaken_and_blocks_what_was():
    window = window_of("a", "b", "c")
    overtaken = window.next_ready()
    window.settle(window.next_ready(), NOW)
    window.put_back(overtaken)
    window.close(NOW)

    assert window.watermark == 2
    assert {resource: blocked.position for resource, blocked in window.blocked.items()} == {"a": 1}
    assert window.changed == {"a"}


def test_what_was_recorded_past_an_event_on_its_way_stays_passed_when_the_window_is_closed():
    """Found by the property below: the watermark had passed the last event, and closing put it one back."""
    window = window_of("c", "a", "c", "a")
    first, second = window.next_ready(), window.next_ready()
    window.block(first, Blocked(position=first.position, attempts=1, since=NOW, due_at=NOW))
    window.detach(window.sent, NOW)
    assert window.watermark == 4
    window.put_back(second)
    window.close(NOW)

    assert window.watermark == 4


RESOURCES = st.lists(st.sampled_from("aabc"), min_size=10, max_size=40)
# Steps that make progress come more often than those that undo it, otherwise nothing would ever get far.
STEPS = {
    "take": 2,
    "send": 3,
    "look_up": 2,
    "retry": 1,
    "ok": 3,
    "fail": 2,
    "record": 2,
    "crash": 1,
    "detach": 1,
    "close": 1,
}
STEP = st.tuples(st.sampled_from([name for name, weight in STEPS.items() for _ in range(weight)]), st.integers(0, 7))


class Run:
    """One subscriber and the process that serves it, as a model: what is recorded survives a crash, nothing else."""

    def __init__(self, resources: list[str]) -> None:
        self.events = [event(number, resource) for number, resource in enumerate(resources, start=1)]
        self.accepted: dict[str, list[int]] = {resource: [] for resource in resources}
        self.recorded: tuple[int, dict[str, Blocked]] = (0, {})
        self.window = WaitingEvents(0, {})
        self.flying: list[Event] = []
        self.looking: list[tuple[str, int, int]] = []

    def take(self, count: int) -> None:
        fetched = self.window.fetched
        self.window.take([(each, True) for each in self.events[fetched : fetched + count]])

    def send(self, _count: int = 0) -> None:
        if (each := self.window.next_ready()) is not None:
            self.flying.append(each)

    def look_up(self, _count: int = 0) -> None:
        """Begin to look for the next event of a blocked resource; other things may happen before it is found."""
        resource = self.window.next_blocked(None)
        if resource is not None:
            self.looking.append((resource, self.window.blocked[resource].position, self.window.last_passed(resource)))
            self.window.begin(resource)

    def retry(self, _count: int = 0) -> None:
        """Find it."""
        if not self.looking:
            return
        resource, first, last = self.looking.pop()
        found = next((e for e in self.events if e.resource_id == resource and first <= e.position <= last), None)
        if found is None:
            self.window.nothing_waits(resource, last)
        else:
            self.flying.append(found)

    def ok(self, which: int) -> None:
        if self.flying:
            each = self.flying.pop(which % len(self.flying))
            self._accept(each)
            self.window.settle(each, NOW)

    def _accept(self, each: Event) -> None:
        accepted = self.accepted[each.resource_id]
        own = [e.position for e in self.events if e.resource_id == each.resource_id]
        assert each.position in accepted or accepted == own[: own.index(each.position)], "an event was overtaken"
        if each.position not in accepted:
            accepted.append(each.position)

    def fail(self, which: int) -> None:
        if self.flying:
            each = self.flying.pop(which % len(self.flying))
            self.window.block(each, Blocked(position=each.position, attempts=1, since=NOW, due_at=NOW))

    def record(self, _count: int = 0) -> None:
        blocked = dict(self.recorded[1])
        for resource in self.window.changed:
            if resource in self.window.blocked:
                blocked[resource] = self.window.blocked[resource]
            else:
                blocked.pop(resource, None)
        self.window.changed = set()
        assert self.window.watermark >= self.recorded[0], "progress went back"
        self.recorded = self.window.watermark, blocked

    def crash(self, _count: int = 0) -> None:
        # What was on its way may have been accepted all the same.
        for each in self.flying[::2]:
            self._accept(each)
        self._begin()

    def close(self, _count: int = 0) -> None:
        while self.looking:
            self.retry()
        for each in self.flying:
            self.window.put_back(each)
        self.window.close(NOW)
        self.record()
        self._begin()

    def _begin(self) -> None:
        self.flying, self.looking = [], []
        self.window = WaitingEvents(*self.recorded)

    def detach(self, _count: int = 0) -> None:
        self.window.detach(self.window.sent, NOW)

    def check(self) -> None:
        flying = [each.resource_id for each in self.flying] + [resource for resource, _, _ in self.looking]
        assert len(flying) == len(set(flying)), "two events of one resource are on their way"
        assert self.window.loaded_events >= 0

    def heal(self) -> None:
        """Let everything succeed."""
        for _ in range(20 * len(self.events) + 20):
            self.take(5)
            self.send()
            self.look_up()
            self.retry()
            self.ok(0)
        assert self.accepted == {
            resource: [each.position for each in self.events if each.resource_id == resource]
            for resource in self.accepted
        }
        self.record()
        assert self.recorded == (len(self.events), {})


@given(RESOURCES, st.lists(STEP, min_size=20, max_size=100))
@settings(max_examples=300, deadline=None)
def test_whatever_happens_each_resource_is_told_in_order_and_nothing_is_lost(resources, steps):
    run = Run(resources)
    for name, number in steps:
        getattr(run, name)(number)
        run.check()
    run.heal()
