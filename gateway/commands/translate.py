"""`gateway translate`: what would become of a cart, without a server and without sending anything."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import click

from gateway.carts.dialects import V1, V4, V5
from gateway.carts.dialects.forms import unmarked
from gateway.checkouts.accepting.prepare import (
    PREVIEW_MARKER,
    PlanningHints,
    check_and_prepare,
    preview_document,
    rendered_steps,
)
from gateway.checkouts.request import check_request, wanted_upstream, whole_cart
from gateway.clock import utc_now
from gateway.commands.common import config_option, configuration
from gateway.documents import JsonObject
from gateway.errors import OperatorError, RequestError
from gateway.logs import configure_logging
from gateway.ordering import (
    Catalogue,
    Mapping,
    Translation,
    catalogue_of,
    explain_text,
    render_whole,
    trace,
    trace_document,
    wanted_bundles,
)
from gateway.settings import Settings
from gateway.tmf.json import decode_json, encode_json
from gateway.tmf.schema import is_identifier
from gateway.upstream.building import build_catalogue

# What a cart is translated by where the settings name no order system.
_PLAIN: Final = "tmf622-v4"
_DIALECTS: Final = {"v4": V4, "v5": V5, "r17": V1}
_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command(
    epilog="""
\b
Examples:
  gateway translate cart.json
  gateway translate cart.json --as r17
  gateway translate cart.json --mapping salesforce-v4 --request checkout.json
  gateway translate cart.json --mapping salesforce-v4 --catalogue offerings.json
  gateway translate cart.json --format json | jq .order
"""
)
@click.argument("cart_path", metavar="CART.json", type=_FILE)
@click.option(
    "--as",
    "version",
    type=click.Choice(["v4", "v5", "r17", "stored"]),
    help="How the cart is read: as a client of v4, v5 or R17 sends it, or as it is in the store, checked when it came.  "
    "[default: as a cart that is sent with a checkout, its version told by its looks]",
)
@click.option(
    "--mapping",
    "mapping_name",
    metavar="NAME",
    help="Mapping file to use; `gateway config check` lists them.  "
    f"[default: that of the upstream which a checkout takes; without upstreams {_PLAIN}]",
)
@click.option(
    "--request", "request_path", metavar="CHECKOUT.json", type=_FILE, help="Checkout request, without a cart."
)
@click.option(
    "--catalogue",
    "catalogue_path",
    metavar="OFFERINGS.json",
    type=_FILE,
    help="TMF620 product offerings (one, or an array) that say which children of bundles are mandatory.",
)
@click.option(
    "--ask-catalogue",
    is_flag=True,
    help="Ask the TMF620 catalogue of the settings, as a checkout would.  [default: not asked]",
)
@click.option(
    "--items-max",
    metavar="N",
    type=click.IntRange(1),
    help="Most new items of one call, as an order system that refused larger ones taught a running gateway.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or the same document as a preview over HTTP.",
)
@config_option
def translate(  # noqa: PLR0913 - each option of a command is a parameter
    *,
    cart_path: Path,
    version: str | None,
    mapping_name: str | None,
    request_path: Path | None,
    catalogue_path: Path | None,
    ask_catalogue: bool,
    items_max: int | None,
    form: str,
    config_path: Path | None,
) -> None:
    """Show what would become of a cart: findings, order lines, calls.

    CART.json is a TMF663 shopping cart of any version (R17, v4, v5); `-` reads it from stdin. It is read as the API reads it:
    what is refused there is refused here, with every reason and exit code 1, and the order is the one that a checkout sends.
    Findings name attributes as v4 shows the cart. No database is opened: what a running gateway has learnt of the size of
    calls is not known here (see --items-max), qualifications are not confirmed, and nothing is sent to an order system.
    """
    if catalogue_path is not None and ask_catalogue:
        raise click.UsageError("--catalogue and --ask-catalogue exclude each other: give one")
    settings, mappings = configuration(config_path)
    request = read_object(request_path, settings.server.depth_max) if request_path else {}
    mapping_name = mapping_name or _mapping_of(request, settings)
    mapping = mappings.get(mapping_name)
    if mapping is None:
        raise click.BadParameter(
            f"there is no mapping {mapping_name!r}; there are: {', '.join(sorted(mappings))}", param_hint="--mapping"
        )
    cart = read_cart_file(cart_path, version, settings)
    try:
        check_request({**request, "shoppingCart": {"id": "file"}}, settings)
        catalogue = None
        if ask_catalogue:
            configure_logging(settings.log)
            catalogue = asyncio.run(asked_catalogue(settings, cart, mapping))
        elif catalogue_path is not None:
            catalogue = read_catalogue(catalogue_path, settings.server.depth_max)
        known = PlanningHints(items_max=items_max, catalogue=catalogue)
        prepared, findings = check_and_prepare(cart, request, mapping, settings.checkout, now=utc_now(), known=known)
    except RequestError as error:
        raise OperatorError(_lines(request_path, error)) from None
    if any(finding.severity == "error" for finding in findings):
        prepared = None
    if form == "json":
        document = preview_document(prepared, findings, mapping)
        entries = (
            trace(cart, request, Translation(order=prepared.order, findings=findings), document["order"], mapping)
            if prepared
            else []
        )
        click.echo(encode_json({**document, "trace": trace_document(entries)}))
    elif prepared is None:
        click.echo(explain_text(Translation(order=None, findings=findings), None), nl=False)
    else:
        translation = Translation(order=prepared.order, findings=findings)
        whole = render_whole(prepared.order, mapping, PREVIEW_MARKER)
        entries = trace(cart, request, translation, whole, mapping)
        steps = list(rendered_steps(prepared, mapping))
        click.echo(explain_text(translation, prepared.plan, steps, entries), nl=False)
    if prepared is None:
        click.echo("refused: a checkout of this cart would be answered 422", err=True)
        sys.exit(1)


def _mapping_of(request: dict[str, Any], settings: Settings) -> str:
    """Return the name of the mapping that a checkout would be translated by."""
    named = wanted_upstream(request, settings)
    upstream = settings.upstreams.get(named) if isinstance(named, str) else None
    return upstream.mapping if upstream is not None else _PLAIN


def read_cart_file(path: Path, version: str | None, settings: Settings) -> JsonObject:
    """Return the cart in a file as a checkout takes it; `version` as for `--as`.

    Raises OperatorError with everything that the API would refuse.
    """
    given = read_object(path, settings.server.depth_max)
    if version == "stored":
        return dict(unmarked(given))
    if version == "v4":
        # A POST of v4 gives the cart an id and an address of its own, whatever was sent for them.
        ignored = {name for name in ("id", "href") if name in given and not is_identifier(given[name])}
        given = {name: value for name, value in given.items() if name not in ignored}
    try:
        return whole_cart(given, settings.cart, _DIALECTS[version] if version else None)
    except RequestError as error:
        raise OperatorError(f"{_lines(path, error)}\nrefused: the API answers {error.status} to this cart") from None


async def asked_catalogue(settings: Settings, cart: dict[str, Any], mapping: Mapping) -> Catalogue | None:
    """Return what the catalogue of the settings says of the cart's bundles. Raises OperatorError when none is set."""
    client = build_catalogue(settings)
    if client is None:
        raise OperatorError("catalogue.base_url: is empty; name the TMF620 catalogue that --ask-catalogue is to ask")
    try:
        wanted = wanted_bundles(cart, mapping)
        return await client.catalogue(wanted) if wanted else None
    finally:
        await client.close()


def read_catalogue(path: Path, depth_max: int) -> Catalogue:
    """Return the catalogue that the product offerings in a file make. Raises OperatorError when there are none."""
    document = read_json(path, depth_max)
    offerings = document if isinstance(document, list) else [document]
    if not all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in offerings):
        raise OperatorError(f"{path}: must be a TMF620 productOffering with an id, or an array of them")
    return catalogue_of(offerings)


def read_object(path: Path, depth_max: int) -> dict[str, Any]:
    """Return the JSON object in a file (`-`: stdin). Raises OperatorError when there is none."""
    document = read_json(path, depth_max)
    if not isinstance(document, dict):
        raise OperatorError(f"{path}: must be a JSON object")
    return document


def read_json(path: Path, depth_max: int) -> Any:
    """Return the JSON document in a file (`-`: stdin). Raises OperatorError when there is none."""
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return decode_json(raw, depth_max=depth_max)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    except RequestError as error:
        raise OperatorError(_lines(path, error)) from None


def _lines(path: Path | None, error: RequestError) -> str:
    """Return every problem of an error, a line each, with the file's name."""
    return "\n".join(f"{path}: {problem}" for problem in error.problems) or f"{path}: {error.message}"
