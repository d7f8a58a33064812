from __future__ import annotations

import pytest
from checkout_gateway import CHECKOUTS, running, settings_of
from checkout_work import cart, request

from gateway.errors import UnavailableError
from gateway.settings import CheckoutSettings

PREVIEW = f"{CHECKOUTS}/preview"


class Qualifications:
    """A TMF679 service in memory."""

    def __init__(self):
        self.documents = {}
        self.failure = None
        self.asked = []

    async def get(self, qualification_id):
        self.asked.append(qualification_id)
        if self.failure is not None:
            raise self.failure
        return self.documents.get(qualification_id)


@pytest.fixture
def gateway_with(settings):
    def build(qualifications=None):
        checkout = CheckoutSettings(default_upstream="shop", require_qualification=True)
        return running(settings_of(settings.storage, checkout=checkout), qualifications=qualifications)

    return build


def wanted(*references, items=2):
    given = {"productOfferingQualification": list(references)} if references else {}
    return {**request(), "shoppingCart": cart(items, priced=0), **given}


def qualified(*offerings, **attributes):
    items = [{"qualificationItemResult": "qualified", "productOffering": {"id": code}} for code in offerings]
    return {"state": "done", "productOfferingQualificationItem": items, **attributes}


@pytest.mark.parametrize("path", [CHECKOUTS, f"{CHECKOUTS}/preview"])
async def test_without_evidence_422_names_every_item_and_nothing_is_stored(gateway_with, path):
    async with gateway_with() as gateway:
        answer = await gateway.post(wanted(), path)
        assert answer.status_code == 422, answer.text
        found = [finding for finding in answer.json()["finding"] if finding["severity"] == "error"]
        assert [finding["path"] for finding in found] == ["cartItem[0]", "cartItem[1]"]
        assert await gateway.rows() == 0


async def test_all_findings_come_at_once(gateway_with):
    async with gateway_with() as gateway:
        given = wanted()
        del given["shoppingCart"]["cartItem"][0]["productOffering"]
        del given["shoppingCart"]["cartItem"][0]["product"]
        answer = await gateway.post(given)
        assert answer.status_code == 422
        codes = {finding["code"] for finding in answer.json()["finding"] if finding["severity"] == "error"}
        assert codes == {"missing_offering", "qualification_missing"}


async def test_a_reference_is_enough_where_no_service_is_set(gateway_with):
    async with gateway_with() as gateway:
        assert (await gateway.post(wanted({"id": "q1"}))).status_code == 202


async def test_a_service_that_confirms_it(gateway_with):
    service = Qualifications()
    service.documents = {"q1": qualified("P1"), "q2": qualified("P2")}
    async with gateway_with(service) as gateway:
        answer = await gateway.post(wanted({"id": "q1"}, {"id": "q2"}))
        assert answer.status_code == 202, answer.text
        assert sorted(service.asked) == ["q1", "q2"]


BOTH = pytest.mark.parametrize("path", [CHECKOUTS, PREVIEW])


@BOTH
async def test_a_service_that_does_not_confirm_it(gateway_with, path):
    service = Qualifications()
    service.documents = {"q1": qualified("P1"), "q2": qualified("P2", expirationDate="2020-01-01T00:00:00Z")}
    async with gateway_with(service) as gateway:
        answer = await gateway.post(wanted({"id": "q1"}, {"id": "q2"}), path)
        assert answer.status_code == 422
        found = [finding["path"] for finding in answer.json()["finding"] if finding["severity"] == "error"]
        assert found == ["productOfferingQualification[1]", "cartItem[1]"]
        assert await gateway.rows() == 0


async def test_a_reference_without_an_id_cannot_be_confirmed(gateway_with):
    async with gateway_with(Qualifications()) as gateway:
        answer = await gateway.post(wanted({"href": "https://qualification.example/q1"}))
        assert answer.status_code == 422
        assert "productOfferingQualification[0]" in answer.text


async def test_a_service_that_is_away_is_503_and_nothing_is_stored(gateway_with):
    service = Qualifications()
    service.failure = UnavailableError("away", headers={"Retry-After": "7"})
    async with gateway_with(service) as gateway:
        answer = await gateway.post(wanted({"id": "q1"}))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
        assert await gateway.rows() == 0


async def test_a_checkout_that_is_repeated_asks_nobody_again(gateway_with):
    service = Qualifications()
    service.documents = {"q1": qualified("P1", "P2")}
    async with gateway_with(service) as gateway:
        first = await gateway.post(wanted({"id": "q1"}), idempotency_key="k")
        service.failure = UnavailableError("away")
        second = await gateway.post(wanted({"id": "q1"}), idempotency_key="k")
        assert first.json()["id"] == second.json()["id"]


async def test_a_preview_that_cannot_ask_says_so(gateway_with):
    service = Qualifications()
    service.failure = UnavailableError("away", headers={"Retry-After": "7"})
    async with gateway_with(service) as gateway:
        answered = await gateway.post(wanted({"id": "q1"}), PREVIEW)
        assert answered.status_code == 200
        (found,) = [each for each in answered.json()["finding"] if each["code"] == "qualification_unconfirmed"]
        assert (found["severity"], found["path"]) == ("warning", "productOfferingQualification")


@BOTH
async def test_a_cart_that_cannot_be_translated_has_the_findings_about_its_evidence_too(gateway_with, path):
    service = Qualifications()
    service.documents = {"q1": qualified("P1", "P2", state="rejected")}
    async with gateway_with(service) as gateway:
        given = wanted({"id": "q1"})
        del given["shoppingCart"]["cartItem"][0]["productOffering"]
        del given["shoppingCart"]["cartItem"][0]["product"]
        answered = await gateway.post(given, path)
        assert answered.status_code == 422, answered.text
        codes = {each["code"] for each in answered.json()["finding"] if each["severity"] == "error"}
        assert codes == {"missing_offering", "not_qualified"}
        service.failure = UnavailableError("away")
        assert (await gateway.post(given, path)).status_code == 422


async def test_items_that_are_only_modified_or_kept_need_no_evidence(gateway_with):
    service = Qualifications()
    async with gateway_with(service) as gateway:
        given = wanted({"id": "q1"})
        for number, each in enumerate(given["shoppingCart"]["cartItem"]):
            each |= {"action": "modify", "product": {"id": f"a{number}"}}
        answered = await gateway.post(given, PREVIEW)
        assert answered.status_code == 200, answered.text
        assert service.asked == []
