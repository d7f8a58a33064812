"""A TMF679 service over a real socket: what it says decides a checkout and its preview alike."""

from __future__ import annotations

import pytest
from checkout_gateway import CHECKOUTS, running, settings_of
from checkout_work import cart, request
from upstream_server import answer, answering, serving

from gateway.settings import CheckoutSettings, QualificationSettings
from gateway.upstream.building import build_qualifications

PREVIEW = f"{CHECKOUTS}/preview"
BOTH = pytest.mark.parametrize("path", [CHECKOUTS, PREVIEW])


def wanted(reference):
    return {**request(), "shoppingCart": cart(2, priced=0), "productOfferingQualification": [reference]}


def qualified(*offerings, **attributes):
    items = [{"qualificationItemResult": "qualified", "productOffering": {"id": code}} for code in offerings]
    return {"state": "done", "productOfferingQualificationItem": items, **attributes}


@BOTH
@pytest.mark.parametrize(
    ("document", "refused"),
    [
        (qualified("P1", "P2"), []),
        (qualified("P1", "P2", state="inProgress"), ["productOfferingQualification[0]", "cartItem[0]", "cartItem[1]"]),
        (qualified("P1", "P2", state="terminatedWithError"), ["productOfferingQualification[0]", "cartItem[0]", "cartItem[1]"]),
        (qualified("P1"), ["cartItem[1]"]),
        (qualified("P1", "P2", validFor={"endDateTime": "2020-01-01T00:00:00Z"}),
         ["productOfferingQualification[0]", "cartItem[0]", "cartItem[1]"]),
        (None, ["productOfferingQualification[0]", "cartItem[0]", "cartItem[1]"]),
    ],
    ids=["done", "in progress", "terminated", "one item", "expired", "not there"],
)  # fmt: skip
async def test_what_a_service_says_over_a_socket_decides_checkout_and_preview_alike(settings, path, document, refused):
    def reply(_request):
        return answer(404) if document is None else answer(200, document)

    async with serving(answering(reply)) as server:
        configured = settings_of(
            settings.storage,
            checkout=CheckoutSettings(default_upstream="shop", require_qualification=True),
            qualification=QualificationSettings(base_url=server.url),
        )
        service = build_qualifications(configured)
        async with running(configured, qualifications=service) as gateway:
            answered = await gateway.post(wanted({"id": "q1"}), path)
            found = [each["path"] for each in answered.json()["finding"] if each["severity"] == "error"]
            assert found == refused
            assert answered.status_code == (422 if refused else 200 if path == PREVIEW else 202)
            assert [request.path for request in server.requests] == ["/api/productOfferingQualification/q1"]
        await service.close()
