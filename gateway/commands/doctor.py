"""`gateway doctor`: what an order system really does, measured, and compared with what its mapping relies on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.checkouts.accepting.accept import new_marker_root
from gateway.checkouts.model import marker_of
from gateway.checkouts.stored.store import accepted_orders
from gateway.clock import timestamp_text, utc_now
from gateway.commands.common import config_option, configuration, progress
from gateway.commands.schema import ready_schema
from gateway.commands.translate import read_cart_file
from gateway.logs import configure_logging
from gateway.ordering import Mapping
from gateway.settings import NotificationSettings, Settings
from gateway.storage import open_database
from gateway.storage.capabilities import MEANING, Capability, Measurement, keep
from gateway.storage.hub_registrations import Registration, registrations
from gateway.upstream.building import upstream_options
from gateway.upstream.doctor.measuring import look, measured
from gateway.upstream.doctor.probe import Probe
from gateway.upstream.doctor.registration import measure_hub, trial_callback
from gateway.upstream.doctor.sample import CART, made_sample
from gateway.upstream.doctor.seen import HubSeen
from gateway.upstream.doctor.writing import SampleRun
from gateway.upstream.hub import HubClient

KNOWN_MAX: Final = 3
_SIGNS: Final = {"works": "works", "fails": "FAILS", "unknown": "?"}


@click.command(
    epilog="""
\b
Examples:
  gateway doctor salesforce
  gateway doctor crm --write
  gateway doctor crm --write --cart cart.json --format json
"""
)
@click.argument("upstream", metavar="UPSTREAM")
@click.option(
    "--write",
    is_flag=True,
    help="Make a test order too: a draft, or a live order that is cancelled at once; and try the hub.",
)
@click.option(
    "--cart",
    "cart_path",
    metavar="CART.json",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="What the test order is made of, with --write.  [default: two invented products]",
)
@click.option(
    "--wait",
    "wait_seconds",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=30.0,
    show_default=True,
    help="How long a new order is waited for, with --write.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output."
)
@config_option
def doctor(
    *, upstream: str, write: bool, cart_path: Path | None, wait_seconds: float, form: str, config_path: Path | None
) -> None:
    """Measure what an order system can do, and compare it with its mapping.

    Reads only, unless --write is given: then a test order is made, sent twice, and voided as the mapping says; where a POST
    is live at once it is cancelled first. At a hub that the mapping names an address is registered, and taken back.
    What was seen is stored, with the time and the hash of the mapping, and is what checkouts, `gateway serve` and /metrics
    tell of the order system from then on. Exit code 1 when something that the mapping relies on does not work.
    """
    settings, mappings = configuration(config_path)
    if upstream not in settings.upstreams:
        known = ", ".join(sorted(settings.upstreams)) or "none is configured"
        raise click.BadParameter(f"there is no upstream {upstream!r}; there are: {known}", param_hint="UPSTREAM")
    if cart_path is not None and not write:
        raise click.UsageError("--cart is what the test order of --write is made of: give both")
    configure_logging(settings.log)
    mapping = mappings[settings.upstreams[upstream].mapping]
    run: SampleRun | None = None
    if write:
        cart = read_cart_file(cart_path, None, settings) if cart_path is not None else CART
        run = SampleRun(
            sample=made_sample(cart, mapping, utc_now()),
            marker=marker_of(new_marker_root(), 0),
            second_marker=marker_of(new_marker_root(), 0),
            wait_seconds=wait_seconds,
        )
    ready_schema(settings.storage)
    result, registration = asyncio.run(_measure(settings, upstream, mapping, run))
    told = registered(settings.upstreams[upstream].notifications, mapping, registration)
    if form == "json":
        click.echo(json.dumps({**document(result), "notificationHub": told}, indent=2))
    else:
        click.echo(f"{text(result)}\n\n{told['detail']}")
    if any(each.verdict == "fails" for each in result.contradictions):
        raise click.exceptions.Exit(1)


def registered(
    wanted: NotificationSettings, mapping: Mapping, registration: Registration | None
) -> dict[str, str | None]:
    """Return whether the gateway is registered for notifications of an order system: {"state", "id", "callback", "detail"}."""
    if registration is None:
        offered = f"its hub is {mapping.api.hub_resource}" if mapping.api.hub_resource else "its mapping names no hub"
        how = "a running gateway registers within a minute" if wanted.register else "notifications.register is off"
        return {
            "state": "none",
            "id": None,
            "callback": None,
            "detail": f"Not registered for notifications: {offered}; {how}.",
        }
    state = "failed" if registration.registered_at is None else "registered"
    since = f" since {timestamp_text(registration.registered_at)}" if registration.registered_at else ""
    last = (
        f"; asked last {timestamp_text(registration.checked_at)}: {registration.detail}" if registration.detail else ""
    )
    how = "Registered" if state == "registered" else "Not registered"
    detail = f"{how} for notifications at {registration.callback}{since}{last}."
    return {"state": state, "id": registration.hub_id, "callback": registration.callback, "detail": detail}


async def _measure(
    settings: Settings, upstream: str, mapping: Mapping, run: SampleRun | None
) -> tuple[Measurement, Registration | None]:
    database = open_database(settings.storage)
    probe = Probe(upstream_options(settings, upstream, mapping))
    try:
        known = await database.read(lambda connection: accepted_orders(connection, upstream, KNOWN_MAX))
        progress(f"measuring {upstream} ...")
        seen = await look(probe, known, run)
        wanted = settings.upstreams[upstream].notifications
        if run is not None and mapping.api.hub_resource:
            seen = replace(seen, hub=await _try_hub(settings, upstream, mapping))
        result = measured(upstream, seen, mapping, utc_now(), registers=wanted.register)

        def store(connection: Connection) -> None:
            keep(connection, result)

        await database.write(store)
        return result, (await database.read(registrations)).get(upstream)
    finally:
        await probe.close()
        await database.close()


async def _try_hub(settings: Settings, upstream: str, mapping: Mapping) -> HubSeen:
    """Register an address of no use at the hub of an order system, and take it back."""
    callback = trial_callback(settings.server.public_url, upstream, new_marker_root())
    hub = HubClient(upstream_options(settings, upstream, mapping))
    try:
        return await measure_hub(hub, callback, settings.upstreams[upstream].notifications.register_query)
    finally:
        await hub.close()


def document(result: Measurement) -> dict[str, Any]:
    """Return a measurement as JSON: {"@type", "upstream", "measuredAt", "mapping", "mappingHash", "release", "wrote", "capability"}."""
    return {
        "@type": "UpstreamCapability",
        "upstream": result.upstream,
        "measuredAt": timestamp_text(result.measured_at),
        "mapping": result.mapping,
        "mappingHash": result.mapping_hash,
        "release": result.release,
        "wrote": result.wrote,
        "capability": [
            {"name": each.name, "verdict": each.verdict, "detail": each.detail, "reliedOnBy": each.claim or None}
            for each in result.capabilities
        ],
        "contradiction": [each.name for each in result.contradictions],
    }


def text(result: Measurement) -> str:
    """Return a measurement as lines for people."""
    how = "with a test order" if result.wrote else "by reads only"
    head = f"{result.upstream} by mapping {result.mapping}, measured {timestamp_text(result.measured_at)} {how}"
    lines = [f"  {_SIGNS[each.verdict]:<6} {each.name:<18} {each.detail}" for each in result.capabilities]
    return "\n".join([head, "", *lines, "", *_against(result.contradictions)])


def _against(contradictions: Sequence[Capability]) -> list[str]:
    """Return what the mapping relies on and was not seen to work, in lines."""
    failing = [each for each in contradictions if each.verdict == "fails"]
    unseen = [each for each in contradictions if each.verdict == "unknown"]
    if not contradictions:
        return ["Everything that the mapping relies on was seen to work."]
    lines = []
    if failing:
        lines.append("The mapping claims too much:")
        lines += [f"  {each.claim} relies on {each.name} ({MEANING[each.name]}): {each.detail}" for each in failing]
    if unseen:
        lines.append("The mapping relies on what was not seen:")
        lines += [f"  {each.claim} relies on {each.name}: {each.detail}" for each in unseen]
    return lines
