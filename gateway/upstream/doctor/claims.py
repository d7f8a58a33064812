"""What a mapping relies on, by the capability that it takes for granted. Pure."""

from __future__ import annotations

from gateway.ordering import Mapping
from gateway.storage.capabilities import CapabilityName


def claims(mapping: Mapping, *, registers: bool = False) -> dict[CapabilityName, str]:
    """Return the keys of the mapping that rely on a capability, by its name; `registers`: the hub is to be used."""
    recovery, draft = mapping.recovery, mapping.draft
    relied: dict[CapabilityName, str] = {
        "order_readable": "api.resource",
        "marker_kept": f'recovery.marker_slot = "{recovery.marker_slot}", marker_compare = "{recovery.marker_compare}"',
        "states_known": "states.order",
        "created_id": f'api.created_id_from = "{mapping.api.created_id_from}"',
        "contents_kept": "lines",
    }
    if recovery.find != "none":
        said = f', filter_parameter = "{recovery.filter_parameter}"' if recovery.find == "filter" else ""
        paging = mapping.api.paging
        relied |= {
            "list_readable": "api.resource",
            "marker_shown": f'recovery.marker_slot = "{recovery.marker_slot}"',
            "marker_found": f'recovery.find = "{recovery.find}"{said}',
            "paging": f'api.paging.style = "{paging.style}", first = {paging.first}',
            "own_writes_shown": f'recovery.find = "{recovery.find}"',
        }
    if draft.supported:
        relied["draft"] = "draft.supported = true"
        relied["test_order_voided"] = f'recovery.abandon = "{recovery.abandon}"'
        if draft.growth != "none":
            relied["growth"] = f'draft.growth = "{draft.growth}"'
    elif mapping.api.cancel_resource:
        relied["test_order_voided"] = f'api.cancel_resource = "{mapping.api.cancel_resource}"'
    if registers:
        relied["hub_registration"] = f'api.hub_resource = "{mapping.api.hub_resource}"'
    return relied
