"""`gateway demo`: see it work."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from gateway.demo.cart import built_in_cart
from gateway.demo.run import run_demo
from gateway.demo.show import Show
from gateway.errors import OperatorError


@click.command(
    epilog="""
\b
Examples:
  gateway demo
  gateway demo my-cart.json
  gateway demo --keep
"""
)
@click.argument("cart_path", metavar="[CART.json]", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--keep", is_flag=True, help="Leave both processes running until Ctrl-C.")
def demo(cart_path: Path | None, *, keep: bool) -> None:
    """Take a cart through the whole flow, before your eyes.

    Starts a sandbox order system and a gateway as processes of their own on free ports, and talks HTTP to them: the cart
    is created, previewed and checked out; the gateway drafts the order in several calls, prices it, submits it and tracks
    it to its end. Exits 0 only if the order ended `completed` and the sandbox's ledger holds exactly one submitted order
    whose lines are those of the cart.
    """
    # The process that ends this must end its children too, which a `finally` does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cart = built_in_cart() if cart_path is None else read_cart(cart_path)
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        try:
            is_good = run_demo(cart, Path(folder), Show(), keep=keep)
        except KeyboardInterrupt:
            # With --keep this is the way out.
            sys.exit(0 if keep else 130)
    sys.exit(0 if is_good else 1)


def read_cart(path: Path) -> dict[str, Any]:
    """Return the cart in a file. Raises OperatorError when it is not a JSON object."""
    try:
        cart = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise OperatorError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(cart, dict):
        raise OperatorError(f"{path}: must be one shopping cart, a JSON object")
    return cart
