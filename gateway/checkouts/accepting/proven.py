"""Whether an order system whose POST is live at once was seen to keep and find markers, and what a checkout is told of it."""

from __future__ import annotations

from gateway.ordering import Finding, Mapping
from gateway.services import Services
from gateway.storage.capabilities import Measurement, measurement_of


def unproven(measured: Measurement | None, mapping: Mapping) -> str | None:
    """Return why a lost call to an order system could not be looked for with certainty, as a sentence; None where it could.

    Only a mapping without drafts relies on it: there a call whose answer was lost is live, or is not there.
    """
    if mapping.draft.supported:
        return None
    if measured is None:
        return "was never measured: `gateway doctor` was not run on it"
    if measured.finds_markers(mapping.hash):
        return None
    for name in ("marker_kept", "marker_found"):
        found = next((each for each in measured.capabilities if each.name == name), None)
        if found is not None and found.verdict != "works":
            return f"was not seen to {'keep' if name == 'marker_kept' else 'find orders by'} a marker: {found.detail}"
    return "was measured by another text of its mapping: run `gateway doctor` again"


async def unproven_findings(services: Services, upstream: str, mapping: Mapping) -> tuple[Finding, ...]:
    """Return the finding of a checkout whose order system is not proven; with `require_proven` it refuses the checkout."""
    if mapping.draft.supported:
        return ()
    measured = await services.database.read_brief(lambda connection: measurement_of(connection, upstream))
    why = unproven(measured, mapping)
    if why is None:
        return ()
    required = services.settings.upstreams[upstream].require_proven
    consequence = (
        "no order is sent there (upstreams.*.require_proven)"
        if required
        else "a lost answer may have to be settled by a person"
    )
    message = f"The order system {upstream} {why}; {consequence}."
    return (
        Finding(severity="error" if required else "warning", code="marker_unproven", path="upstream", message=message),
    )
