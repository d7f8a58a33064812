"""`gateway events` and `gateway subscriptions`, against a gateway in another thread that delivers over real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from click.testing import CliRunner, Result
from hub_listener import QUICK_ON_LOOPBACK
from standardwebhooks import Webhook

from gateway.app import create_app
from gateway.cli import main
from gateway.commands.listening import receiving, verified
from gateway.commands.times import age
from gateway.hub.delivery import subscriber
from gateway.hub.delivery.service import delivery
from gateway.settings import HubSettings, Settings, StorageSettings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAY_CONFIG", "GATEWAY_CLIENT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # Who has nothing to send lets go of its subscriptions at once: that is when it sees that it is to begin again.
    monkeypatch.setattr(subscriber, "LINGER_SECONDS", 0.05)
    monkeypatch.setattr(subscriber, "RECORD_SECONDS", 0.05)


def served(sqlite_url: str, hub: HubSettings) -> Iterator[str]:
    settings = Settings(storage=StorageSettings(url=sqlite_url, readers_max=2), hub=hub)
    config = uvicorn.Config(create_app(settings, background=[delivery]), port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def url(sqlite_url: str) -> Iterator[str]:
    yield from served(sqlite_url, QUICK_ON_LOOPBACK)


def gateway(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def subscribed(url: str, callback: str, hub: str = "/tmf-api/shoppingCart/v4/hub") -> dict[str, Any]:
    answer = httpx.post(url + hub, json={"callback": callback})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_events_are_listened_to_looked_at_sent_again_and_tried_out(url: str):
    with receiving("127.0.0.1", 0) as receiver:
        made = subscribed(url, f"http://127.0.0.1:{receiver.port}")
        receiver.secret = made["secret"]
        cart = httpx.post(url + CARTS, json={}).json()
        first = receiver.deliveries.get(timeout=30)
        assert first.problem is None

        resent = gateway("events", "resend", made["id"], "--since", "1h", "--url", url)
        assert resent.exit_code == 0, resent.output
        assert resent.stdout.startswith("1 events are sent again, the first of 20")
        assert receiver.deliveries.get(timeout=30).message_id == first.message_id
        tried = gateway("events", "test", made["id"], "--event", "ShoppingCartDeleteEvent", "--url", url)
        assert tried.exit_code == 0, tried.output
        assert tried.stdout.startswith("ShoppingCartDeleteEvent test-")
        assert " taken in " in tried.stdout
        test = receiver.deliveries.get(timeout=30)
        assert test.event is not None
        assert test.event["eventType"] == "ShoppingCartDeleteEvent"

        listed = gateway("subscriptions", "list", "--url", url)
        assert made["id"] in listed.stdout
        assert "/tmf-api/shoppingCart/v4/hub" in listed.stdout
        shown = gateway("subscriptions", "show", made["id"], "--url", url)
        assert f"callback       http://127.0.0.1:{receiver.port}" in shown.stdout
        assert "state          active" in shown.stdout
        document = json.loads(gateway("subscriptions", "show", made["id"], "--format", "json", "--url", url).stdout)
        assert document["@type"] == "Subscription"
    assert cart["id"]

    refused = gateway("events", "test", made["id"], "--url", url)
    assert refused.exit_code == 1
    assert " refused in " in refused.stdout
    for unknown in (("events", "test", "nope"), ("events", "resend", "nope", "--since", "1d")):
        answer = gateway(*unknown, "--url", url)
        assert answer.exit_code == 1
        assert answer.stderr.startswith("404: There is no such subscription.")


def test_listen_prints_what_was_verified_and_unsubscribes(url: str):
    def make_carts() -> None:
        while not httpx.get(f"{url}/tmf-api/shoppingCart/v4/hub").json():
            time.sleep(0.02)
        for _ in range(2):
            httpx.post(url + CARTS, json={})

    thread = threading.Thread(target=make_carts)
    thread.start()
    answer = gateway("events", "listen", "--hub", "shoppingCart-v4", "--count", "2", "--url", url)
    thread.join()

    assert answer.exit_code == 0, answer.output
    lines = answer.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.split()[1:3] == ["ShoppingCartCreateEvent", "shoppingCart"] for line in lines)
    assert httpx.get(f"{url}/tmf-api/shoppingCart/v4/hub").json() == []


def test_listen_as_json_prints_a_line_for_each_event(url: str):
    def make_cart() -> None:
        while not httpx.get(f"{url}/tmf-api/shoppingCart/v5/hub").json():
            time.sleep(0.02)
        httpx.post(url + CARTS, json={})

    thread = threading.Thread(target=make_cart)
    thread.start()
    arguments = ("--hub", "shoppingCart-v5", "--count", "1", "--format", "json", "--url", url)
    answer = gateway("events", "listen", *arguments)
    thread.join()

    assert json.loads(answer.stdout)["@type"] == "ShoppingCartCreateEvent"


def test_what_a_gateway_does_not_post_to_is_said_with_what_would_do(sqlite_url: str):
    for address in served(sqlite_url, HubSettings()):
        answer = gateway("events", "listen", "--url", address)

    assert answer.exit_code == 1
    assert "callback: " in answer.stderr
    assert "hub.allow_http = true" in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("events", "resend", "x"), "--since"),
        (("events", "resend", "x", "--since", "yesterday"), "neither a time"),
        (("events", "listen", "--hub", "nothing"), "checkout-v1"),
        (("events", "test", ""), "is empty"),
        (("subscriptions", "show", ""), "is empty"),
    ],
)
def test_wrong_usage_exits_2(arguments: tuple[str, ...], words: str):
    answer = gateway(*arguments)

    assert answer.exit_code == 2
    assert words in answer.stderr


def test_a_delivery_is_verified_before_it_is_taken():
    body = b'{"eventType": "X"}'
    moment = datetime.now(tz=UTC)
    good = {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m1", moment, body.decode()),
    }

    assert verified(good, body, SECRET).problem is None
    assert verified(good, body + b" ", SECRET).problem is not None
    assert verified({}, body, SECRET).problem is not None
    assert verified({**good, "webhook-timestamp": "1"}, body, SECRET).problem is not None
    assert verified({}, b"[]", None).problem == "it is not a JSON object"
    assert verified({}, b"{", None).problem == "it is not JSON"


def test_a_delivery_that_is_not_verified_is_answered_401():
    with receiving("127.0.0.1", 0) as receiver:
        receiver.secret = SECRET
        answer = httpx.post(f"http://127.0.0.1:{receiver.port}/listener/x", content=b"{}")
        assert answer.status_code == 401
        assert receiver.deliveries.get(timeout=5).problem is not None


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=61), "1m 1s"),
        (timedelta(hours=2), "2h"),
        (timedelta(days=3, hours=4, minutes=5), "3d 4h"),
    ],
)
def test_ages_are_told_in_two_units(before: timedelta, expected: str):
    assert age((NOW - before).isoformat(), NOW) == expected


def test_no_age_without_a_time():
    assert age(None, NOW) == ""
