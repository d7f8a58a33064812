"""Pages in a real browser: one of an allowed origin calls the gateway and reads its answers, the same page of another origin does not.

Skipped where no Chromium is installed.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from http_servers import served
from known_clients import known_clients

from gateway.app import create_app
from gateway.settings import CorsSettings, Settings, StorageSettings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.processes,
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
SECONDS_MAX = 90

SCRIPT = """
const said = [];
const headers = {"Authorization": "Bearer shop", "Content-Type": "application/json"};
async function ask(what, path, options) {
  try {
    const answer = await fetch(GATEWAY + path, options);
    said.push([what, answer.status, answer.headers.get("etag"), (await answer.json()).description || null]);
    return answer;
  } catch (error) {
    said.push([what, error.name]);
    return null;
  }
}
(async () => {
  const made = await ask("post", CARTS, {method: "POST", headers, body: JSON.stringify({description: "of a page"})});
  const path = made ? new URL(made.headers.get("location"), GATEWAY).pathname : CARTS;
  const matching = {...headers, "Content-Type": "application/merge-patch+json", "If-Match": '"1"'};
  await ask("patch", path, {method: "PATCH", headers: matching, body: JSON.stringify({description: "changed"})});
  await ask("refused", path, {method: "GET", headers: {"Authorization": "Bearer nobody"}});
  document.body.textContent = JSON.stringify(said);
  document.body.id = "done";
})();
"""


class Page(BaseHTTPRequestHandler):
    """One page, whatever is asked for."""

    gateway = ""

    def do_GET(self) -> None:
        script = SCRIPT.replace("GATEWAY", json.dumps(self.gateway)).replace("CARTS", json.dumps(CARTS))
        body = f"<!doctype html><body>begun<script>{script}</script></body>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[str]:
    with served(Page) as address:
        yield address


@asynccontextmanager
async def gateway_for(origin: str, url: str, folder: Path) -> AsyncIterator[None]:
    """Serve a gateway whose pages are those of one origin, and tell the page where it is."""
    security = known_clients(folder, {"shop": ("acme", ["channel"])})
    app = create_app(
        Settings(
            storage=StorageSettings(url=url),
            security=security,
            cors=CorsSettings(allowed_origins=(origin,)),
        )
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
    task = asyncio.create_task(server.serve())
    for _ in range(1000):
        if server.started or task.done():
            break
        await asyncio.sleep(0.02)
    assert server.started
    Page.gateway = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def shown(address: str, folder: Path) -> Any:
    """Open the page in a browser and return what it says in the end."""
    assert CHROMIUM is not None
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    browser = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *options,
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        address,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(SECONDS_MAX):
        written, _ = await browser.communicate()
    text = written.decode()
    match = re.search(r'<body id="done">(.*?)</body>', text, re.DOTALL)
    assert match is not None, text
    return json.loads(html.unescape(match[1]))


async def test_a_page_of_an_allowed_origin_works_and_another_one_reads_nothing(
    page: str, sqlite_url: str, tmp_path: Path
) -> None:
    async with gateway_for(page, sqlite_url, tmp_path):
        assert await shown(page, tmp_path) == [
            ["post", 201, '"1"', "of a page"],
            ["patch", 200, '"2"', "changed"],
            ["refused", 401, None, None],
        ]
        # The same server under another name is another origin; its preflights fail, and nothing is sent.
        other = await shown(page.replace("127.0.0.1", "localhost"), tmp_path)
    assert other == [["post", "TypeError"], ["patch", "TypeError"], ["refused", "TypeError"]]
