"""The hub as `gateway doctor` tries it: an address is registered and taken back, and what does not go well is told."""

from __future__ import annotations

import json

import pytest
from test_doctor_command import doctor, sandbox
from upstream_server import answer, answering, serving

from gateway.ordering.mapping.model import Api, Mapping
from gateway.upstream import UpstreamOptions
from gateway.upstream.doctor.claims import claims
from gateway.upstream.doctor.judging_writes import judge_hub
from gateway.upstream.doctor.registration import NOWHERE, measure_hub, trial_callback
from gateway.upstream.hub import HubClient

OFFERED = Mapping(name="plain", api=Api(resource="productOrder", hub_resource="hub"))
CALLBACK = trial_callback("https://gateway.example.com/", "crm", "abc")


@pytest.mark.parametrize(
    ("posted", "deleted", "verdict", "told"),
    [
        (answer(201, {"id": "42"}), answer(204), "works", "taken back"),
        (answer(201, {"id": 42}), answer(404), "fails", "is left as it is: the hub answered 404"),
        (answer(201), answer(204), "fails", "does not name the registration"),
        (answer(400, {"code": "24"}), answer(204), "fails", "the hub answered 400"),
        (answer(201, {"id": "42"}), answer(405), "fails", "is left as it is: the hub answered 405"),
    ],
)
async def test_an_address_is_registered_and_taken_back(posted, deleted, verdict, told):
    def reply(request):
        return posted if request.method == "POST" else deleted

    async with serving(answering(reply)) as server:
        hub = HubClient(UpstreamOptions(name="crm", base_url=server.url, mapping=OFFERED))
        seen = await measure_hub(hub, CALLBACK, "eventType=x")
        await hub.close()
        first, *rest = server.requests
    assert json.loads(first.body) == {"callback": CALLBACK, "query": "eventType=x"}
    assert [(each.method, each.target) for each in rest] == ([("DELETE", "/api/hub/42")] if b"42" in posted else [])
    capability = judge_hub(seen, OFFERED)
    assert capability.verdict == verdict
    assert told in capability.detail
    if "left" in capability.detail:
        assert CALLBACK in capability.detail, "somebody has to find it there"


def test_the_address_is_under_the_gateways_own_and_nothing_is_taken_at_it():
    assert CALLBACK == "https://gateway.example.com/notifications/crm/doctor-abc"
    assert trial_callback("", "crm", "abc") == f"{NOWHERE}/notifications/crm/doctor-abc"


def test_a_hub_is_relied_on_where_the_gateway_is_to_be_registered_there():
    assert "hub_registration" not in claims(OFFERED)
    assert claims(OFFERED, registers=True)["hub_registration"] == 'api.hub_resource = "hub"'
    assert judge_hub(None, OFFERED).detail == "measured with --write only"
    assert judge_hub(None, Mapping(name="plain", api=Api(resource="productOrder"))).detail == "the mapping names no hub"


def test_the_command_tries_the_hub_with_write_only(tmp_path):
    with sandbox("tmf622-v5") as url:
        for arguments, verdict in (
            (("--write", "--wait", "2"), "works"),
            ((), "unknown"),
            (("--write", "--wait", "2"), "works"),
        ):
            shown = doctor(tmp_path, url, "tmf622-v5", "crm", "--format", "json", *arguments)
            capabilities = {each["name"]: each for each in json.loads(shown.stdout)["capability"]}
            assert capabilities["hub_registration"]["verdict"] == verdict, shown.output
