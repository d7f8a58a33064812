"""Bodies for the sandbox, a catalogue, and short looks at its ledger."""

from __future__ import annotations

CATALOG = """
[[product]]
code = "MOBILE_PLAN"
child = [{code = "SIM_CARD", minimum = 1, maximum = 1}, {code = "ROAMING", maximum = 2}]

[[product]]
code = "SIM_CARD"
child = [{code = "ESIM_PROFILE", minimum = 1, maximum = 1}]

[[product]]
code = "ESIM_PROFILE"

[[product]]
code = "ROAMING"
attribute = {ATTR_DAYS = "Number", ATTR_NOTE = "Text", ATTR_ON = "Checkbox"}

[[product]]
code = "GIFT"
base_charge = false

[[product]]
code = "OLD"
price_list_entry = false
"""


def order_v4(*items, **header):
    return {
        "externalId": "CART-1",
        "relatedParty": [{"id": "CD1", "@referredType": "Customer"}],
        "productOrderItem": list(items) or [item("1", "PHONE")],
    } | header


def item(item_id, code, **values):
    return {"id": item_id, "action": "add", "quantity": 1, "productOffering": {"id": code}} | values


def typed(value, name="ProductOrder"):
    """Give every object of a v5 document its @type."""
    if isinstance(value, list):
        return [typed(entry, name) for entry in value]
    if not isinstance(value, dict):
        return value
    return {"@type": name} | {key: typed(member, key) for key, member in value.items()}


def order_v5(*items, **header):
    return typed({"requestedInitialState": "draft", "productOrderItem": list(items) or [item("1", "PHONE")]} | header)


def offerings(upstream):
    return [line["offering"] for line in upstream.ledger()[-1]["lines"]]


def shape(upstream):
    """The lines of the last effect as (offering path, quantity, characteristics)."""
    lines = upstream.ledger()[-1]["lines"]
    by_id = {line["id"]: line for line in lines}

    def path(line):
        return (path(by_id[line["parent"]]) if line["parent"] else "") + "/" + line["offering"]

    return [(path(line), line["quantity"], line["characteristics"]) for line in lines]


def line_id(upstream, offering):
    """The id of the one line of a product."""
    (found,) = [line["id"] for line in upstream.ledger()[-1]["lines"] if line["offering"] == offering]
    return found


async def patch(upstream, *items):
    return await upstream.patch("00000001", {"productOrderItem": list(items)})
