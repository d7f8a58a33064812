"""While the database is away every route that needs it says 503 and when to come back, none says 500; then it goes on."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, NamedTuple

import httpx
import pytest
from application_runs import started
from checkout_gateway import CARTS, CHECKOUTS, live_orders, running, settings_of
from checkout_work import cart, request
from database_away import Away, away_of
from isolation_matrix import ACTIONS
from litestar.routes import HTTPRoute

from gateway.app import GatewayApp, create_app
from gateway.carts.sweep import sweeping
from gateway.hub.delivery.service import delivery
from gateway.resources import load_mappings
from gateway.runtime import submission, tracking
from gateway.settings import HubSettings, Settings, StorageSettings, SubmissionSettings, UpstreamSettings

ID: Final = "0123456789abcdef0123456789abcdef"
CART: Final = {"cartItem": [{"action": "add", "quantity": 1, "productOffering": {"id": "SIM"}}]}
ORDER: Final = {"productOrderItem": [{"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "SIM"}}]}
# Bodies that are right, by the end of the path: what is refused for its body would never ask the database.
BODIES: Final[dict[str, Any]] = {
    "/shoppingCart": CART,
    "/productOrder": ORDER,
    "/cancelProductOrder": {"productOrder": {"id": ID}},
    "/hub": {"callback": "http://127.0.0.1:9/events"},
    "/checkout": {"shoppingCart": {"id": ID}},
    "/preview": {"shoppingCart": {"id": ID}},
    **ACTIONS,
    "/notifications/{upstream}": {
        "eventId": "1",
        "eventType": "ProductOrderStateChangeEvent",
        "event": {"productOrder": {"id": "1", "state": "completed"}},
    },
}


class Question(NamedTuple):
    """One method of one route, with what makes it ask the database."""

    method: str
    template: str
    path: str
    content: bytes | None


@pytest.fixture
def away(storage: StorageSettings) -> Iterator[Away]:
    with away_of(storage) as made:
        yield made


@pytest.fixture
async def app(away: Away) -> AsyncIterator[GatewayApp]:
    settings = Settings(
        storage=away.storage,
        hub=HubSettings(allow_http=True, allowed_ports=(), allowed_networks=("127.0.0.0/8",)),
        upstreams={"crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
    )
    made = create_app(settings, mappings=load_mappings(settings.mappings))
    async with started(made):
        away.attach(made.services.database)
        yield made
        away.come_back()


def questions(app: GatewayApp) -> list[Question]:
    """Return every method of every route, with a body where it wants one."""
    found = []
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        template = route.path_format
        path = template.replace("{upstream}", "crm")
        while "{" in path:
            path = f"{path.partition('{')[0]}{ID}{path.partition('}')[2]}"
        ends = [end for end in BODIES if template.endswith(end)]
        content = json.dumps(BODIES[max(ends, key=len)]).encode() if ends else b"{}"
        methods = {each for handler in route.route_handlers for each in handler.http_methods} - {"OPTIONS", "HEAD"}
        found += [
            Question(method, template, path, content if method in {"POST", "PATCH"} else None)
            for method in sorted(methods)
        ]
    return found


async def ask(client: httpx.AsyncClient, question: Question) -> httpx.Response:
    headers = {} if question.content is None else {"Content-Type": "application/json"}
    return await client.request(question.method, question.path, content=question.content, headers=headers)


async def test_every_route_says_503_and_when_to_come_back_and_none_says_500(
    app: GatewayApp, away: Away, client: httpx.AsyncClient, log: io.StringIO
) -> None:
    asked = questions(app)
    before = {question: (await ask(client, question)).status_code for question in asked}
    assert 500 not in before.values(), [each for each in asked if before[each] == 500]

    away.go()
    told_to_come_back, wrong = 0, []
    for question in asked:
        answer = await ask(client, question)
        if answer.status_code == 503:
            body = answer.json()
            assert (body["@type"], body["status"], body["code"]) == ("Error", "503", "5"), question
            assert 0 < int(answer.headers["Retry-After"]) <= 300, question
            told_to_come_back += 1
        elif answer.status_code != before[question]:
            wrong.append((question, before[question], answer.status_code, answer.text))
    # What is left needs no database (its own description, liveness), or is refused before it is asked.
    assert not wrong
    assert told_to_come_back > len(asked) / 2
    assert '"request_failed"' not in log.getvalue()

    away.come_back()
    after = {question: (await ask(client, question)).status_code for question in asked}
    assert 500 not in after.values()


OUTAGES = 8
FAST: Final = SubmissionSettings(
    poll_seconds=0.1, lease_seconds=300.0, settle_seconds=0.0, retry_seconds=(0.05,), probe_seconds=(0.05,)
)


@pytest.mark.timeout(240)
async def test_loops_go_on_after_each_of_many_outages_and_every_202_becomes_one_order(
    away: Away, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients check out all the while, and repeat with their key what is answered 503."""
    monkeypatch.setattr("gateway.background.FAILED_SECONDS_MIN", 0.02)
    monkeypatch.setattr("gateway.submission.interrupted.PUT_OFF_SECONDS", 0.02)
    settings = settings_of(away.storage, submission=FAST)
    async with running(settings, background=[submission, tracking, delivery, sweeping]) as gateway:
        away.attach(gateway.services.database)
        answers: Counter[int] = Counter()
        told: list[str] = []

        async def insist(body: Any, path: str, key: str) -> Any:
            while True:
                answer = await gateway.post(body, path, idempotency_key=key)
                answers[answer.status_code] += 1
                if answer.status_code != 503:
                    return answer.json()
                assert int(answer.headers["Retry-After"]) > 0
                await asyncio.sleep(0.02)

        async def check_out(number: int) -> None:
            made = await insist({"cartItem": cart()["cartItem"]}, CARTS, f"cart {number}")
            body = {**request(), "shoppingCart": {"id": made["id"]}}
            told.append((await insist(body, CHECKOUTS, f"the key of checkout {number}"))["id"])

        async with asyncio.timeout(100), asyncio.TaskGroup() as clients:
            for number in range(OUTAGES):
                clients.create_task(check_out(2 * number))
                away.go()
                clients.create_task(check_out(2 * number + 1))
                await asyncio.sleep(0.03 + 0.01 * (number % 4))
                away.come_back()
                await asyncio.sleep(0.02 * (number % 3))

        # The lease of what an outage interrupted is many times longer than this.
        async with asyncio.timeout(100):
            while True:
                states = {(await gateway.get(each))["state"] for each in told}
                if states <= {"submitted", "completed"}:
                    break
                await asyncio.sleep(0.05)
        assert set(answers) == {201, 202, 503}
        listed = (await gateway.client.get(f"{CHECKOUTS}?limit=1000")).json()
        assert {each["id"] for each in listed} == set(told)
        live = [order["id"] for order in live_orders(gateway.shop)]
        assert len(live) == len(told) == 2 * OUTAGES
        assert {each["productOrder"]["id"] for each in listed} == set(live)
    lines = [json.loads(line)["event"] for line in log.getvalue().splitlines()]
    failed = [event for event in lines if event.endswith(".failed")]
    assert failed
    # Each loop says it once in each outage, whatever number of rounds it tried.
    assert max(Counter(failed).values()) <= OUTAGES
    assert not [event for event in lines if event.endswith(".crashed") or event == "request_failed"]
