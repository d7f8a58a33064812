"""Every fault does what its name says, on a real socket, and a seeded run can be repeated."""

from __future__ import annotations

import time

import httpx
import pytest

from gateway.sandbox import parse_fault
from gateway.sandbox.faults import AFTER, BEFORE, FAULT_NAMES, ON_READS, FaultDice


async def submit(upstream):
    return await upstream.patch("00000001", {"state": "Activated"})


async def drafted(start, make, **values):
    """A sandbox with one draft, disturbed only afterwards."""
    faults = values.pop("faults")
    upstream = await start(**values)
    await upstream.post(make.draft())
    answer = await upstream.client.put(upstream.server.address + "/_sandbox/faults", json=faults)
    assert answer.status_code == 204
    return upstream


async def test_error_before_does_nothing(start, make):
    upstream = await drafted(start, make, faults=["error-before=1"])
    statuses = {(await submit(upstream)).status_code for _ in range(40)}
    assert statuses == {500, 502, 503, 504}
    assert upstream.effects() == [("created", "Draft")]


async def test_error_after_has_done_it(start, make):
    upstream = await drafted(start, make, faults=["error-after=1"])
    assert (await submit(upstream)).status_code >= 500
    assert upstream.effects()[-1] == ("submitted", "In Progress")


async def test_reset_after_has_done_it(start, make):
    upstream = await drafted(start, make, faults=["reset-after=1"])
    with pytest.raises(httpx.ReadError):
        await submit(upstream)
    assert upstream.effects()[-1] == ("submitted", "In Progress")


async def test_silent_after_has_done_it_and_never_answers(start, make):
    upstream = await drafted(start, make, faults=["silent-after=1"])
    with pytest.raises(httpx.ReadTimeout):
        await upstream.patch("00000001", {"state": "Activated"}, timeout=0.3)
    assert upstream.effects()[-1] == ("submitted", "In Progress")


async def test_late_commit_takes_effect_when_the_caller_has_given_up(start, make, eventually):
    upstream = await start(late_seconds=0.4)
    await upstream.client.post(upstream.server.address + "/_sandbox/next-faults", json=["late-commit"])
    with pytest.raises(httpx.ReadTimeout):
        await upstream.client.post(upstream.orders, json=make.draft(), timeout=0.1)
    assert upstream.ledger() == []
    await eventually(lambda: upstream.effects() == [("created", "Draft")])


async def test_cut_body_ends_with_and_without_a_visible_error(start, make):
    upstream = await start(faults=["cut-body=1"])
    broken = short = 0
    for _ in range(30):
        try:
            answer = await upstream.post(make.draft())
        except httpx.RemoteProtocolError:
            broken += 1
        else:
            assert answer.status_code == 201
            assert not answer.text.endswith("}")
            short += 1
    assert broken
    assert short
    assert [effect for effect, _ in upstream.effects()] == ["created"] * 30


async def test_a_cut_answer_without_body_is_cut_in_its_head(start):
    upstream = await start(mapping="tmf622-v5")
    item = {"@type": "i", "id": "1", "action": "add"}
    await upstream.post({"@type": "o", "requestedInitialState": "draft", "productOrderItem": [item]})
    await upstream.client.put(upstream.server.address + "/_sandbox/faults", json=["cut-body=1"])
    headers = {"Content-Type": "application/merge-patch+json"}
    with pytest.raises(httpx.RemoteProtocolError):
        await upstream.patch("00000001", {"@type": "o", "state": "acknowledged"}, headers=headers)
    assert upstream.effects()[-1] == ("submitted", "acknowledged")


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_throttle(start, make, form):
    upstream = await start(faults=["throttle=1"], profile={"retry_after": form})
    answer = await upstream.post(make.draft())
    assert answer.status_code == 429
    wait = answer.headers["Retry-After"]
    assert wait == "1" if form == "seconds" else wait.endswith("GMT")
    assert (await upstream.get()).status_code == 429
    assert upstream.ledger() == []


@pytest.mark.parametrize("mapping", ["salesforce-v4", "tmf622-v4"])
async def test_request_limit(start, make, mapping):
    upstream = await start(faults=["request-limit=1"], mapping=mapping)
    answer = await upstream.post(make.draft())
    assert answer.status_code == 403
    assert "REQUEST_LIMIT_EXCEEDED" in answer.text
    assert isinstance(answer.json(), list) == (mapping == "salesforce-v4")
    assert upstream.ledger() == []


async def test_half_patch_applies_a_part_and_fails(start, make):
    upstream = await drafted(start, make, faults=["half-patch=1"])
    items = [make.add(f"item-{number}", f"P{number}") for number in range(10)]
    answer = await upstream.patch(
        "00000001",
        {"description": "x", "state": "Activated", "productOrderItem": items},
    )
    assert answer.status_code == 500
    assert upstream.effects() == [("created", "Draft"), ("changed", "Draft")]
    assert [line["offering"] for line in upstream.ledger()[-1]["lines"]] == ["PHONE", "P0", "P1", "P2", "P3", "P4"]
    wrapper = {"id": "1", "action": "modify", "productOrderItem": items[:4]}
    assert (await upstream.patch("00000001", {"productOrderItem": [wrapper]})).status_code == 500
    assert len(upstream.ledger()[-1]["lines"]) == 8
    post = await upstream.post(make.draft(*items))
    assert (post.status_code, len(upstream.ledger()[-1]["lines"])) == (201, 10)


@pytest.mark.parametrize("mapping", ["salesforce-v4", "tmf622-v5"])
async def test_half_of_a_patch_without_items_is_nothing(start, make, mapping):
    upstream = await start(mapping=mapping)
    item = {"@type": "i", "id": "1", "action": "add"}
    plain = {"@type": "o", "requestedInitialState": "draft", "productOrderItem": [item]}
    await upstream.post(make.draft() if mapping == "salesforce-v4" else plain)
    await upstream.client.put(upstream.server.address + "/_sandbox/faults", json=["half-patch=1"])
    state = "Activated" if mapping == "salesforce-v4" else "acknowledged"
    kind = "application/json" if mapping == "salesforce-v4" else "application/merge-patch+json"
    body = {"@type": "o", "state": state, "description": "x"}
    assert (await upstream.patch("00000001", body, headers={"Content-Type": kind})).status_code == 500
    assert [effect for effect, _ in upstream.effects()] == ["created"]


@pytest.mark.parametrize("kind", ["application/merge-patch+json", "application/json-patch+json"])
async def test_half_patch_of_a_plain_server(start, kind):
    upstream = await start(mapping="tmf622-v5")
    items = [{"@type": "i", "id": str(number), "action": "add"} for number in range(4)]
    await upstream.post({"@type": "o", "requestedInitialState": "draft", "productOrderItem": items[:1]})
    await upstream.client.post(upstream.server.address + "/_sandbox/next-faults", json=["half-patch"])
    body = {"@type": "o", "productOrderItem": items, "state": "acknowledged"}
    if kind.endswith("json-patch+json"):
        body = [{"op": "add", "path": "/productOrderItem/-", "value": item} for item in items[1:]]
    answer = await upstream.patch("00000001", body, headers={"Content-Type": kind})
    assert answer.status_code == 500
    assert upstream.effects() == [("created", "draft"), ("changed", "draft")]
    assert len(upstream.ledger()[-1]["lines"]) == 2


async def test_latency_delays_every_answer_but_tokens(start, make):
    upstream = await start(faults=["latency=80ms"])

    async def seconds(call):
        started = time.perf_counter()
        await call
        return time.perf_counter() - started

    assert await seconds(upstream.post(make.draft())) >= 0.08
    assert await seconds(upstream.get()) >= 0.08
    token_url = upstream.server.address + "/services/oauth2/token"
    form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
    assert await seconds(upstream.client.post(token_url, data=form)) < 0.08


async def test_reads_suffer_only_what_strikes_before(start, make):
    upstream = await start(faults=[f"{name}=1" for name in AFTER])
    assert (await upstream.get()).status_code == 200


@pytest.mark.parametrize("name", ["reset-after", "silent-after", "cut-body"])
async def test_reads_are_broken_off_by_names_of_their_own(start, make, name):
    upstream = await start(faults=[f"read-{name}=1"])
    assert (await upstream.post(make.draft())).status_code == 201
    failures = {"reset-after": httpx.ReadError, "silent-after": httpx.ReadTimeout}
    if name in failures:
        with pytest.raises(failures[name]):
            await upstream.get("00000001", timeout=0.3)
        return
    broken = short = 0
    for _ in range(30):
        try:
            answer = await upstream.get("00000001")
        except httpx.RemoteProtocolError:
            broken += 1
        else:
            short += not answer.text.endswith("}")
    assert broken
    assert broken + short == 30


async def test_a_read_name_takes_the_place_of_the_one_for_all(start, make):
    upstream = await start(faults=["throttle=1", "read-throttle=0", "read-error-before=1"])
    assert (await upstream.post(make.draft())).status_code == 429
    assert {(await upstream.get()).status_code for _ in range(40)} == {500, 502, 503, 504}


async def test_reads_are_delayed_by_a_name_of_their_own(start, make):
    upstream = await start(faults=["latency=1ms", "read-latency=80ms"])
    started = time.perf_counter()
    assert (await upstream.get()).status_code == 200
    assert time.perf_counter() - started >= 0.08


async def test_calls_are_counted_by_what_became_of_them(start, make):
    upstream = await start(faults=["latency=1ms", "read-cut-body=1", "token-throttle=1"])
    door = upstream.server.address + "/_sandbox"
    assert (await upstream.client.get(door + "/calls")).json() == {
        "total": 0,
        "struck": 0,
        "byMethod": {},
        "byFault": {},
    }
    await upstream.client.post(door + "/next-faults", json=["error-after", "none", "half-patch", "half-patch"])
    items = {"productOrderItem": [make.add("7", "A"), make.add("8", "B")]}
    assert (await upstream.post(make.draft())).status_code >= 500
    assert (await upstream.post(make.draft())).status_code == 201
    assert (await upstream.patch("00000001", items)).status_code == 500
    assert (await upstream.patch("00000404", items)).status_code == 404, "refused, not disturbed"
    await upstream.client.put(door + "/faults", json=["silent-after=1"])
    with pytest.raises(httpx.ReadTimeout):
        await upstream.patch("00000001", items, timeout=0.2)
    await upstream.client.put(door + "/faults", json=["read-error-before=1", "token-throttle=1"])
    await upstream.get()
    await upstream.client.post(upstream.server.address + "/services/oauth2/token", data={})
    assert (await upstream.client.get(door + "/calls")).json() == {
        "total": 7,
        "struck": 5,
        "byMethod": {
            "GET": {"total": 1, "struck": 1},
            "PATCH": {"total": 3, "struck": 2},
            "POST": {"total": 2, "struck": 1},
            "token": {"total": 1, "struck": 1},
        },
        "byFault": {"error-after": 1, "error-before": 1, "half-patch": 1, "silent-after": 1, "throttle": 1},
    }


async def test_the_token_endpoint_is_left_alone_unless_named(start):
    form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
    spared = await start(faults=[f"{name}=1" for name in (*BEFORE, *AFTER)])
    path = "/services/oauth2/token"
    assert (await spared.client.post(spared.server.address + path, data=form)).status_code == 200
    named = await start(faults=["token-throttle=1"])
    assert (await named.client.post(named.server.address + path, data=form)).status_code == 429
    assert (await named.get()).status_code == 200


async def test_queued_faults_strike_one_write_each(start, make):
    upstream = await start()
    names = ["none", "error-before", "reset-after"]
    await upstream.client.post(upstream.server.address + "/_sandbox/next-faults", json=names)
    assert (await upstream.get()).status_code == 200
    assert (await upstream.post(make.draft())).status_code == 201
    assert (await upstream.post(make.draft())).status_code >= 500
    with pytest.raises(httpx.ReadError):
        await upstream.post(make.draft())
    assert (await upstream.post(make.draft())).json()["id"] == "00000003"


async def test_the_control_door_refuses_what_it_does_not_know(start):
    upstream = await start()
    door = upstream.server.address + "/_sandbox"
    client = upstream.client
    for answer in (
        await client.put(door + "/faults", json=["gremlins=1"]),
        await client.put(door + "/faults", json="throttle=1"),
        await client.put(door + "/faults", content=b"["),
        await client.post(door + "/next-faults", json=["latency"]),
        await client.post(door + "/state", json={"order": "00000001"}),
    ):
        assert answer.status_code == 400
    assert (await client.post(door + "/nothing")).status_code == 404
    assert (await client.post(door + "/state", json={"order": "1", "state": "x"})).status_code == 404
    assert (await client.get(door)).json() == {"mapping": "salesforce-v4", "orders": 0, "tokensIssued": 0}


async def test_an_order_changed_by_hand(start, make):
    upstream = await start()
    await upstream.post(make.draft())
    body = {"order": "00000001", "state": "Superseded"}
    await upstream.client.post(upstream.server.address + "/_sandbox/state", json=body)
    assert upstream.effects()[-1] == ("state", "Superseded")
    assert (await upstream.patch("00000001", {"description": "x"})).status_code == 400


# -- the dice -----------------------------------------------------------------------------------------------------

MIX = ("throttle=0.1", "error-before=0.1", "error-after=0.1", "reset-after=0.1", "half-patch=0.1", "cut-body=0.1")


async def outcomes(start, make, seed):
    upstream = await start(faults=list(MIX), seed=seed)
    found = []
    for number in range(60):
        try:
            answer = await upstream.post(make.draft(externalId=f"E{number}"))
            found.append((answer.status_code, len(answer.content)))
        except httpx.TransportError as error:
            found.append((type(error).__name__, 0))
    return found, [(entry["effect"], entry["order"], entry["externalId"]) for entry in upstream.ledger()]


async def test_a_seeded_run_is_repeatable(start, make):
    first = await outcomes(start, make, seed=7)
    assert await outcomes(start, make, seed=7) == first
    assert await outcomes(start, make, seed=8) != first
    assert len({outcome for outcome, _ in first[0]}) > 3


def dice(*faults, seed=1):
    return FaultDice(tuple(parse_fault(fault) for fault in faults), seed)


def test_reads_and_other_rates_do_not_move_the_strikes():
    plain, mixed = dice("reset-after=0.3"), dice("reset-after=0.3", "notify-lost=0.5", "token-throttle=0.5")
    strikes = []
    for _ in range(200):
        mixed.strike("read")
        mixed.strike("token")
        mixed.strikes_notification()
        strikes.append(mixed.strike("write"))
    assert [plain.strike("write") for _ in range(200)] == strikes


@pytest.mark.parametrize("name", [*BEFORE, *AFTER])
def test_rates_are_kept(name):
    thrown = dice(f"{name}=0.25")
    strikes = [thrown.strike("write", is_patch=True) for _ in range(4_000)]
    struck = sum(name in (strike.before, strike.after, "half-patch" if strike.half else None) for strike in strikes)
    assert 900 < struck < 1_100
    assert not any(dice(f"{name}=0").strike("write", is_patch=True).after for _ in range(10))


@pytest.mark.parametrize("name", ON_READS)
def test_rates_of_reads_are_kept(name):
    thrown = dice(f"{name}=1" if name in AFTER else f"{name}=0", f"read-{name}=0.25")
    strikes = [thrown.strike("read") for _ in range(4_000)]
    assert 900 < sum(strike.name == name for strike in strikes) < 1_100
    assert {strike.name for strike in strikes} == {name, None}


@pytest.mark.parametrize(
    ("text", "rate", "seconds"),
    [("throttle=0", 0, 0), ("throttle=1", 1, 0), ("latency=50ms", 1, 0.05), ("token-latency=1.5s", 1, 1.5)],
)
def test_faults_are_read(text, rate, seconds):
    fault = parse_fault(text)
    assert (fault.name, fault.rate, fault.seconds) == (text.partition("=")[0], rate, pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("gremlins=1", "known are"),
        ("throttle", "throttle=0.3"),
        ("throttle=", "throttle=0.3"),
        ("throttle=2", "from 0 to 1"),
        ("throttle=nan", "from 0 to 1"),
        ("throttle=much", "from 0 to 1"),
        ("latency=50", "latency=50ms"),
        ("latency=-1ms", "latency=50ms"),
        ("latency=infs", "latency=50ms"),
        ("latency", "latency=50ms"),
    ],
)
def test_a_wrong_fault_is_told_what_would_be_right(text, hint):
    with pytest.raises(ValueError, match=hint):
        parse_fault(text)


def test_every_fault_of_the_contract_has_its_name():
    contract = {
        "error-before", "error-after", "reset-after", "silent-after", "cut-body", "throttle", "request-limit",
        "half-patch", "notify-lost", "notify-double", "notify-reorder", "notify-early", "latency",
    }  # fmt: skip
    assert contract <= set(FAULT_NAMES)
