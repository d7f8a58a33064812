"""The flow: cart, preview, checkout, the calls to the order system, the final state, the judgement of the ledger."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import httpx

from gateway.demo.cart import catalogue_of, every_item
from gateway.demo.processes import Child, free_ports, running
from gateway.demo.show import Show
from gateway.demo.truth import differences
from gateway.documents import JsonObject
from gateway.errors import OperatorError

CARTS: Final = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS: Final = "/tmf-api/checkoutManagement/v1/checkout"
SALESFORCE_ROOT: Final = "/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1"
FINAL: Final = frozenset({"completed", "partial", "failed", "rejected", "cancelled", "held"})
DEADLINE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1

# Short waits, so that nobody has to watch a clock; real installations keep the defaults.
SETTINGS: Final = """
[server]
port = {gateway_port}

[storage]
url = "sqlite:///{folder}/gateway.db"

[submission]
poll_seconds = 0.2

[tracking]
poll_seconds = [1.0, 2.0]
coalesce_seconds = 0.0

[upstreams.sandbox]
base_url = "http://127.0.0.1:{sandbox_port}{root}"
mapping = "salesforce-v4"

[upstreams.sandbox.auth]
kind = "oauth2-client-credentials"
token_url = "http://127.0.0.1:{sandbox_port}/services/oauth2/token"
client_id = "demo"
client_secret = "demo-secret"
"""


def run_demo(cart: JsonObject, folder: Path, show: Show, *, keep: bool) -> bool:
    """Run everything in `folder`; return whether the order ended `completed` and the ledger equals the cart."""
    sandbox_port, gateway_port = free_ports(2)
    ledger, settings = folder / "ledger.jsonl", folder / "gateway.toml"
    settings.write_text(
        SETTINGS.format(gateway_port=gateway_port, sandbox_port=sandbox_port, folder=folder, root=SALESFORCE_ROOT),
        encoding="utf-8",
    )
    sandbox = ["sandbox", "--port", str(sandbox_port), "--ledger", str(ledger)]
    sandbox += ["--client-id", "demo", "--client-secret", "demo-secret"]
    sandbox += ["--notify", f"http://127.0.0.1:{gateway_port}/notifications/sandbox"]
    if (catalogue := catalogue_of(cart)) is not None:
        (folder / "catalogue.toml").write_text(catalogue, encoding="utf-8")
        sandbox += ["--catalog", str(folder / "catalogue.toml")]
    commands = [
        (sandbox, folder / "sandbox.log"),
        (["serve", "--config", str(settings)], folder / "gateway.log"),
    ]
    show.heading("Two processes")
    with running(commands) as (sandbox_process, gateway_process):
        show.say(f"order system (sandbox)  {sandbox_process.address}")
        show.say(f"gateway                 {gateway_process.address}")
        flow = _Flow(gateway_process, show)
        try:
            checkout = flow.take_through(cart)
        except _RefusedError:
            show.bad("\nThe gateway refuses this: nothing was ordered.")
            return False
        except (httpx.HTTPError, _FlowError) as error:
            show.bad(f"\n{error}")
            show.say(f"the gateway's last messages:\n{gateway_process.messages()}")
            return False
        finally:
            flow.close()
        is_good = _judge(cart, checkout, ledger, show)
        _say_where(show, gateway_process, sandbox_process, checkout, folder, keep=keep)
        while keep and gateway_process.is_running and sandbox_process.is_running:
            time.sleep(POLL_SECONDS)
    return is_good


class _FlowError(OperatorError):
    """A call was answered with an error, or the order did not end in time."""


class _RefusedError(_FlowError):
    """A call was answered with a refusal of what was sent; it has been shown."""


class _Flow:
    """The calls of a channel, each shown as it happens."""

    def __init__(self, gateway: Child, show: Show) -> None:
        self._http = httpx.Client(base_url=gateway.address, timeout=30)
        self._show = show

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def take_through(self, cart: dict[str, Any]) -> dict[str, Any]:
        """Create the cart, preview and check it out, watch it to its end; return the checkout."""
        show = self._show
        show.heading("A channel talks to the gateway")
        stored = self._call("POST", CARTS, cart, lambda body: f"cart {body['id']}: {_items_text(cart)}")
        reference = {"shoppingCart": {"id": stored["id"]}}
        preview = self._call("POST", f"{CHECKOUTS}/preview", reference, _preview_text)
        checkout = self._call(
            "POST", CHECKOUTS, reference, lambda body: f"checkout {body['id']}: {body['state']}", key=stored["id"]
        )
        show.heading("The gateway talks to the order system")
        checkout = self._watch(checkout["id"], {step["sequence"]: step for step in preview["step"]})
        show.heading("What became of it")
        order = checkout.get("productOrder") or {}
        show.say(f"checkout {checkout['id']}: {checkout['state']} {checkout.get('statusReason') or ''}")
        show.say(f"order {order.get('id')}: {order.get('state')} (there: {order.get('upstreamState')})")
        for finding in checkout["finding"]:
            show.say(f"{finding['severity']}: {finding['path']}: {finding['message']} [{finding['code']}]")
        show.heading("Cart item -> order line")
        show.correlation(cart, checkout)
        return checkout

    def _call(self, method: str, path: str, body: Any, outcome: Any, key: str | None = None) -> dict[str, Any]:
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": f'"{key}"'} if key else {})
        started = time.perf_counter()
        answer = self._http.request(method, path, content=raw, headers=headers)
        seconds = time.perf_counter() - started
        document = answer.json()
        text = outcome(document) if answer.is_success else document.get("message", "")
        self._show.call(method, path, len(raw), answer.status_code, seconds, text)
        if not answer.is_success:
            kind = _RefusedError if answer.is_client_error else _FlowError
            raise kind(f"{method} {path} was answered {answer.status_code}: {document.get('message')}")
        return dict(document)

    def _watch(self, checkout_id: str, planned: dict[int, dict[str, Any]]) -> dict[str, Any]:
        """Show each step when it is done and each state of the order, until the checkout is final."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        shown: set[tuple[int, str, int]] = set()
        order_state = ""
        while True:
            checkout = self._http.get(f"{CHECKOUTS}/{checkout_id}").raise_for_status().json()
            for step in checkout["step"]:
                mark = (step["sequence"], step["state"], step["attempts"] if step["state"] != "done" else 0)
                if step["state"] in {"planned", "sending"} or mark in shown:
                    continue
                shown.add(mark)
                plan = planned.get(step["sequence"], {})
                order_id = (checkout.get("productOrder") or {}).get("id") or "{orderId}"
                call = unquote(f"{plan.get('method', '')} {plan.get('path', '')}").replace("{orderId}", order_id)
                self._show.step(step, step.get("byteCount") or plan.get("byteCount"), call)
            order = checkout.get("productOrder") or {}
            if checkout["state"] in FINAL | {"submitted"} and order.get("state", "") != order_state:
                order_state = order.get("state", "")
                self._show.say(f"   order {order.get('id')} is {order_state} (there: {order.get('upstreamState')})")
            if checkout["state"] in FINAL:
                return dict(checkout)
            if time.monotonic() > deadline:
                raise _FlowError(f"after {DEADLINE_SECONDS:g} s the checkout is still {checkout['state']}")
            time.sleep(POLL_SECONDS)


def _items_text(cart: dict[str, Any]) -> str:
    items = list(every_item(cart))
    later = sum("later" in str(item.get("status", "")).lower() for item in items)
    return f"{len(items)} items{f', {later} saved for later' if later else ''}"


def _preview_text(preview: dict[str, Any]) -> str:
    kinds = [step["kind"] for step in preview["step"]]
    text = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return f"{len(kinds)} calls planned: {text}; {len(preview['finding'])} findings"


def _judge(cart: dict[str, Any], checkout: dict[str, Any], ledger: Path, show: Show) -> bool:
    wrong = differences(cart, ledger)
    if checkout["state"] != "completed":
        wrong.insert(0, f"the checkout ended {checkout['state']}")
    for line in wrong[:20]:
        show.bad(line)
    if not wrong:
        show.good("The order system's ledger holds exactly one submitted order, and its lines are those of the cart.")
    return not wrong


def _say_where(
    show: Show, gateway: Child, sandbox: Child, checkout: dict[str, Any], folder: Path, *, keep: bool
) -> None:
    """Show the addresses of everything that was made, and how long they answer."""
    show.heading("To look further")
    show.say(f"cart          {gateway.address}{CARTS}/{checkout['shoppingCart']['id']}")
    show.say(f"checkout      {gateway.address}{CHECKOUTS}/{checkout['id']}")
    if order_id := (checkout.get("productOrder") or {}).get("id"):
        show.say(f"order         {sandbox.address}{SALESFORCE_ROOT}/productorder/{order_id}")
    show.say(f"API           {gateway.address}/schema")
    show.say(f"ledger, logs  {folder}")
    if keep:
        show.say("Ctrl-C ends both processes.")
    else:
        show.say("These end with this command. To have them answer until Ctrl-C: .venv/bin/gateway demo --keep")
