"""`gateway translate`: what would become of a cart, without a server and without sending anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gateway.checkouts.expected import require_expected_totals
from gateway.checkouts.prepare import PREVIEW_MARKER, preview_document, rendered_steps, try_prepare
from gateway.checkouts.request import check_request
from gateway.clock import utc_now
from gateway.commands.common import config_option, configuration
from gateway.errors import OperatorError, RequestError
from gateway.ordering.explain import explain_text, trace, trace_document
from gateway.ordering.model import Translation
from gateway.ordering.render import render_whole
from gateway.tmf.json import decode_json, encode_json

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command(
    epilog="""
\b
Examples:
  gateway translate cart.json
  gateway translate cart.json --mapping salesforce-v4 --request checkout.json
  gateway translate cart.json --format json | jq .order
"""
)
@click.argument("cart_path", metavar="CART.json", type=_FILE)
@click.option(
    "--mapping",
    "mapping_name",
    metavar="NAME",
    default="tmf622-v4",
    show_default=True,
    help="Mapping file to use; `gateway config check` lists them.",
)
@click.option(
    "--request", "request_path", metavar="CHECKOUT.json", type=_FILE, help="Checkout request, without a cart."
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
def translate(
    cart_path: Path, mapping_name: str, request_path: Path | None, form: str, config_path: Path | None
) -> None:
    """Show what would become of a cart: findings, order lines, calls.

    CART.json is a TMF663 shopping cart of any version (R17, v4, v5); `-` reads it from stdin. Exits 1 when a checkout of it
    would be refused, with every reason.
    """
    settings, mappings = configuration(config_path)
    mapping = mappings.get(mapping_name)
    if mapping is None:
        raise click.BadParameter(
            f"there is no mapping {mapping_name!r}; there are: {', '.join(sorted(mappings))}", param_hint="--mapping"
        )
    cart = read_object(cart_path, settings.server.depth_max)
    request = read_object(request_path, settings.server.depth_max) if request_path else {}
    try:
        check_request({**request, "shoppingCart": {"id": "file"}}, settings)
        require_expected_totals(cart, request, settings.checkout)
    except RequestError as error:
        raise OperatorError(_lines(request_path, error)) from None
    prepared, findings = try_prepare(cart, request, mapping, now=utc_now())
    if form == "json":
        document = preview_document(prepared, findings, mapping)
        entries = (
            trace(cart, request, Translation(order=prepared.order, findings=findings), document["order"])
            if prepared
            else []
        )
        click.echo(encode_json({**document, "trace": trace_document(entries)}))
    elif prepared is None:
        click.echo(explain_text(Translation(order=None, findings=findings), None), nl=False)
    else:
        translation = Translation(order=prepared.order, findings=findings)
        whole = render_whole(prepared.order, mapping, PREVIEW_MARKER)
        entries = trace(cart, request, translation, whole)
        steps = list(rendered_steps(prepared, mapping))
        click.echo(explain_text(translation, prepared.plan, steps, entries), nl=False)
    if prepared is None:
        click.echo("refused: a checkout of this cart would be answered 422", err=True)
        sys.exit(1)


def read_object(path: Path, depth_max: int) -> dict[str, Any]:
    """Return the JSON object in a file (`-`: stdin). Raises OperatorError when there is none."""
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        document = decode_json(raw, depth_max=depth_max)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    except RequestError as error:
        raise OperatorError(_lines(path, error)) from None
    if not isinstance(document, dict):
        raise OperatorError(f"{path}: must be a JSON object")
    return document


def _lines(path: Path | None, error: RequestError) -> str:
    """Return every problem of an error, a line each, with the file's name."""
    return "\n".join(f"{path}: {problem}" for problem in error.problems) or f"{path}: {error.message}"
