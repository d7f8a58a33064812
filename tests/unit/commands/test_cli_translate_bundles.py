"""`gateway translate` with what others know: product offerings in a file, a catalogue over a socket, the size of calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from http_servers import answering

from gateway.cli import main

PLAN = {
    "id": "PLAN",
    "bundledProductOffering": [{"id": "SIM", "bundledProductOfferingOption": {"numberRelOfferLowerLimit": 1}}],
}
CART = {
    "relatedParty": [{"id": "CD1", "role": "customer"}],
    "cartItem": [
        {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "PLAN"}, "cartItem": [
            {"id": "1.1", "action": "add", "quantity": 1, "productOffering": {"id": "SIM"}},
            {"id": "1.2", "action": "add", "quantity": 1, "productOffering": {"id": "MUSIC"}},
        ]},
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    (tmp_path / "cart.json").write_text(json.dumps(CART))


def translated(*arguments: str, **environment: str):
    command = ("translate", "cart.json", "--mapping", "salesforce-v4", *arguments)
    return CliRunner().invoke(main, command, env=environment)


def actions(answer):
    (plan,) = json.loads(answer.stdout)["order"]["productOrderItem"]
    return [plan["action"], *(child["action"] for child in plan["productOrderItem"])]


@contextmanager
def catalogue() -> Iterator[str]:
    with answering(PLAN, at="/productOffering/PLAN") as url:
        yield f"{url}/v4"


def test_without_a_catalogue_every_child_is_added():
    assert actions(translated("--format", "json")) == ["add", "add", "add"]


@pytest.mark.parametrize("offerings", [PLAN, [PLAN, {"id": "MUSIC"}]])
def test_product_offerings_in_a_file_say_what_is_mandatory(tmp_path: Path, offerings: object):
    (tmp_path / "offerings.json").write_text(json.dumps(offerings))
    assert actions(translated("--format", "json", "--catalogue", "offerings.json")) == ["add", "modify", "add"]


def test_a_file_that_holds_no_product_offerings_is_refused(tmp_path: Path):
    (tmp_path / "offerings.json").write_text(json.dumps([{"name": "x"}]))
    answer = translated("--catalogue", "offerings.json")
    assert answer.exit_code == 1
    assert "offerings.json: must be a TMF620 productOffering with an id" in answer.stderr


def test_the_catalogue_of_the_settings_is_asked_where_that_is_wished():
    with catalogue() as url:
        answer = translated("--format", "json", "--ask-catalogue", GATEWAY_CATALOGUE__BASE_URL=url)
        assert actions(answer) == ["add", "modify", "add"]
        silent = translated("--format", "json", GATEWAY_CATALOGUE__BASE_URL=url)
        assert actions(silent) == ["add", "add", "add"]


def test_a_catalogue_that_is_not_there_is_a_finding():
    answer = translated("--format", "json", "--ask-catalogue", GATEWAY_CATALOGUE__BASE_URL="http://127.0.0.1:1/v4")
    assert answer.exit_code == 0
    assert "catalogue_unavailable" in {finding["code"] for finding in json.loads(answer.stdout)["finding"]}


def test_asking_needs_a_catalogue_and_one_source_only(tmp_path: Path):
    answer = translated("--ask-catalogue")
    assert (answer.exit_code, "catalogue.base_url: is empty" in answer.stderr) == (1, True)
    (tmp_path / "offerings.json").write_text(json.dumps(PLAN))
    assert translated("--ask-catalogue", "--catalogue", "offerings.json").exit_code == 2


def test_calls_may_be_shown_in_the_size_that_a_gateway_has_learnt():
    steps = json.loads(translated("--format", "json", "--items-max", "1").stdout)["step"]
    assert [step["itemCount"] for step in steps if step["kind"] in {"create", "add"}] == [1, 1, 1]


def test_without_a_name_the_mapping_is_that_of_the_upstream_which_a_checkout_takes(tmp_path: Path):
    (tmp_path / "wish.json").write_text('{"upstream": "b"}')
    upstreams = {
        "GATEWAY_UPSTREAMS__A__BASE_URL": "http://127.0.0.1:1",
        "GATEWAY_UPSTREAMS__A__MAPPING": "salesforce-v4",
        "GATEWAY_UPSTREAMS__B__BASE_URL": "http://127.0.0.1:1",
        "GATEWAY_UPSTREAMS__B__MAPPING": "tmf622-v5",
        "GATEWAY_CHECKOUT__DEFAULT_UPSTREAM": "a",
    }

    def shape(*arguments: str, **environment: str) -> tuple[str, type]:
        answered = CliRunner().invoke(main, ("translate", "cart.json", "--format", "json", *arguments), env=environment)
        assert answered.exit_code == 0, answered.output
        preview = json.loads(answered.stdout)
        return preview["step"][0]["path"], type(preview["order"]["externalId"])

    assert shape() == ("productOrder", str)
    assert shape(**upstreams) == ("productorder", str)
    assert shape("--request", "wish.json", **upstreams) == ("productOrder", list)
    assert shape("--mapping", "tmf622-v4", **upstreams) == ("productOrder", str)
