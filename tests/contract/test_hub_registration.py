"""The gateway registers at the hub of an order system, renews that, and takes it back; in both databases, over a socket."""

from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_work import NOW
from msgspec.structs import replace

from gateway.commands.doctor import registered
from gateway.resources import load_mappings
from gateway.sandbox import SandboxOptions, serving
from gateway.sandbox.options import API_ROOTS
from gateway.services import Services
from gateway.settings import NotificationSettings, ServerSettings, Settings, UpstreamSettings, unsafe_combinations
from gateway.settings.service import MappingSettings
from gateway.storage import hub_registrations
from gateway.storage.hub_registrations import Registration
from gateway.tracking.registering import RegistrationLoop, callback_of, is_due

MAPPINGS = load_mappings(MappingSettings())
PUBLIC = "https://gateway.example.com"
CALLBACK = f"{PUBLIC}/notifications/crm"
ON = NotificationSettings(register=True, register_query="eventType=ProductOrderStateChangeEvent")


class Clock:
    def __init__(self):
        self.moment = NOW

    def now(self, _connection=None):
        return self.moment


def settings_for(address, mapping, own=ON, public_url=PUBLIC):
    upstream = UpstreamSettings(base_url=f"{address}{API_ROOTS[mapping]}", mapping=mapping, notifications=own)
    return Settings(server=ServerSettings(public_url=public_url), upstreams={"crm": upstream})


@pytest.fixture
async def clock(database, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(database, "now", clock.now)
    return clock


async def look(database, settings):
    await RegistrationLoop(Services(settings=settings, database=database, mappings=dict(MAPPINGS))).once()
    return (await database.read(hub_registrations.registrations)).get("crm")


@pytest.mark.parametrize("mapping", ["tmf622-v4", "tmf622-v5"])
async def test_it_registers_renews_and_takes_the_registration_back(database, clock, mapping):
    async with serving(SandboxOptions(mapping=mapping, port=0)) as server:
        callbacks = server.application.notifier.callbacks
        settings = settings_for(server.address, mapping)
        seen = await look(database, settings)
        assert callbacks == {"1": CALLBACK}
        assert (seen.hub_id, seen.callback, seen.registered_at, seen.detail) == ("1", CALLBACK, NOW, None)

        callbacks.clear()  # the order system was set up anew, and forgot
        clock.moment += timedelta(hours=1)
        await look(database, settings)
        assert callbacks == {}, "it is not asked again before its time"
        clock.moment += timedelta(hours=23)
        seen = await look(database, settings)
        assert callbacks == {"1": CALLBACK}
        assert seen.registered_at == clock.moment

        clock.moment += timedelta(hours=24)
        seen = await look(database, settings)
        assert (seen.hub_id, callbacks) == ("1", {"1": CALLBACK}), "one that is there is renewed by being there"

        moved = settings_for(server.address, mapping, public_url="https://new.example.com")
        await look(database, moved)
        assert callbacks == {"2": "https://new.example.com/notifications/crm"}

        assert await look(database, settings_for(server.address, mapping, replace(ON, register=False))) is None
        assert callbacks == {}


async def test_an_order_system_that_is_away_is_asked_again_and_the_reason_kept(database, clock, log):
    settings = settings_for("http://127.0.0.1:1", "tmf622-v4")
    seen = await look(database, settings)
    assert (seen.hub_id, seen.registered_at) == (None, None)
    assert "does not answer" in seen.detail
    assert "hub.not_registered" in log.getvalue()
    clock.moment += timedelta(minutes=1)
    assert (await look(database, settings)).checked_at == NOW
    async with serving(SandboxOptions(mapping="tmf622-v4", port=0)) as server:
        clock.moment += timedelta(minutes=4)
        assert (await look(database, settings_for(server.address, "tmf622-v4"))).hub_id == "1"


async def test_a_mapping_without_a_hub_is_told(database, clock):
    settings = settings_for("http://127.0.0.1:1", "salesforce-v4")
    assert "names no hub" in (await look(database, settings)).detail


async def test_of_two_replicas_one_registers(database, clock):
    fresh = Registration(upstream="crm", callback=CALLBACK, checked_at=NOW)
    claim = hub_registrations.claim
    assert await database.write(lambda c: claim(c, None, fresh))
    assert not await database.write(lambda c: claim(c, None, fresh))
    later = replace(fresh, checked_at=NOW + timedelta(hours=24))
    assert await database.write(lambda c: claim(c, fresh, later))
    assert not await database.write(lambda c: claim(c, fresh, later))


async def test_without_any_registration_the_database_is_only_read(database, clock, monkeypatch):
    async def never(_function):
        raise AssertionError("nothing is to be written")

    monkeypatch.setattr(database, "write", never)
    assert await look(database, settings_for("http://127.0.0.1:1", "tmf622-v4", NotificationSettings())) is None


@pytest.mark.parametrize(
    ("age", "detail", "callback", "due"),
    [
        (timedelta(hours=23), None, CALLBACK, False),
        (timedelta(hours=24), None, CALLBACK, True),
        (timedelta(minutes=4), "away", CALLBACK, False),
        (timedelta(minutes=5), "away", CALLBACK, True),
        (timedelta(0), None, "https://elsewhere", True),
        # Dated by a clock that was ahead.
        (timedelta(days=-365), None, CALLBACK, True),
        (timedelta(days=-365), "away", CALLBACK, True),
        (timedelta(minutes=-1), None, CALLBACK, False),
    ],
)
def test_when_a_registration_is_due(age, detail, callback, due):
    went_well = NOW - age if detail is None else None
    seen = Registration(upstream="crm", callback=callback, checked_at=NOW - age, registered_at=went_well, detail=detail)
    assert is_due(seen, callback_of(PUBLIC + "/", "crm"), ON, NOW) is due


@pytest.mark.parametrize(
    ("wanted", "mapping", "registration", "state", "words"),
    [
        (NotificationSettings(), "tmf622-v4", None, "none", ("its hub is hub", "register is off")),
        (ON, "tmf622-v4", None, "none", ("within a minute",)),
        (NotificationSettings(), "salesforce-v4", None, "none", ("names no hub",)),
        (
            ON,
            "tmf622-v4",
            Registration(upstream="crm", callback=CALLBACK, checked_at=NOW, hub_id="7", registered_at=NOW),
            "registered",
            (CALLBACK, "since"),
        ),
        (
            ON,
            "tmf622-v4",
            Registration(upstream="crm", callback=CALLBACK, checked_at=NOW, detail="the hub answered 500"),
            "failed",
            ("answered 500",),
        ),
    ],
)
def test_gateway_doctor_tells_the_state(wanted, mapping, registration, state, words):
    told = registered(wanted, MAPPINGS[mapping], registration)
    assert told["state"] == state
    assert all(word in told["detail"] for word in words), told


def test_registering_needs_an_address():
    problems = unsafe_combinations(settings_for("http://127.0.0.1:1", "tmf622-v4", public_url=""))
    assert [problem.path for problem in problems] == ["upstreams.crm.notifications.register"]


async def test_the_sandbox_notifies_whoever_registered(database, clock):
    async with serving(SandboxOptions(mapping="tmf622-v4", port=0)) as server:
        await look(database, settings_for(server.address, "tmf622-v4"))
        assert server.application.notifier._addresses() == [CALLBACK]
