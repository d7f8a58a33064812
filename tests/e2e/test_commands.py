"""The commands as processes of their own: what a service manager, a script or a newcomer sees."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from child_environment import child_environment

pytestmark = pytest.mark.processes
CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"


@contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `gateway ...` and hand it over with its ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", *arguments],
        cwd=cwd,
        env=child_environment(PYTHONPATH=str(Path(__file__).resolve().parents[2])),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    watchdog = threading.Timer(30, process.kill)
    watchdog.start()
    try:
        yield process, process.stdout.readline().strip()
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def takes_connections(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=15).close()
    except ConnectionError:
        return False
    return True


def test_serve_says_when_it_listens_and_ends_well_on_sigterm(tmp_path: Path):
    with started("serve", "--port", "0", cwd=tmp_path) as (process, line):
        assert line.startswith("gateway ready on http://127.0.0.1:"), process.stderr.read()
        address = line.removeprefix("gateway ready on ")
        assert httpx.get(f"{address}/livez").status_code == 200
        assert httpx.post(f"{address}{CARTS}", json={"cartItem": []}).status_code == 201

        process.send_signal(signal.SIGTERM)
        output, messages = process.communicate(timeout=15)

    assert process.returncode == 0, messages
    assert output == ""
    assert "Traceback" not in messages


def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path):
    body = json.dumps({"cartItem": []}).encode()
    with started("serve", "--port", "0", cwd=tmp_path) as (process, line):
        host, port = line.removeprefix("gateway ready on http://").split(":")
        with socket.create_connection((host, int(port)), timeout=15) as connection:
            head = (
                f"POST {CARTS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            )
            connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
            # The server asks for the body, so the request is under way.
            assert connection.recv(1000).startswith(b"HTTP/1.1 100")
            process.send_signal(signal.SIGTERM)
            while takes_connections(host, int(port)):
                time.sleep(0.01)
            connection.sendall(body)
            answer = connection.recv(1000)
        _, messages = process.communicate(timeout=15)

    assert answer.startswith(b"HTTP/1.1 201"), answer
    assert process.returncode == 0, messages


def test_what_was_stored_is_there_after_a_restart(tmp_path: Path):
    with started("serve", "--port", "0", cwd=tmp_path) as (process, line):
        address = line.removeprefix("gateway ready on ")
        cart = httpx.post(f"{address}{CARTS}", json={"cartItem": []}).json()
        process.kill()
        process.wait()
    with started("serve", "--port", "0", cwd=tmp_path) as (process, line):
        address = line.removeprefix("gateway ready on ")
        assert httpx.get(f"{address}{CARTS}/{cart['id']}").json()["id"] == cart["id"]


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path):
    with started("serve", "--port", "0", cwd=tmp_path) as (process, line):
        address = line.removeprefix("gateway ready on ")
        # A request whose body never comes keeps the server from ending.
        with httpx.Client() as client:

            def endless() -> Iterator[bytes]:
                yield b"{"
                time.sleep(20)
                yield b"}"

            def send() -> None:
                with pytest.raises(httpx.HTTPError):
                    client.post(f"{address}{CARTS}", content=endless(), headers={"Content-Type": "application/json"})

            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            time.sleep(0.3)  # the server has the head of the request by then; either way the end must come at once
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            started_at = time.monotonic()
            process.communicate(timeout=15)

    assert process.returncode == 0
    assert time.monotonic() - started_at < 10


def test_the_worker_starts_and_ends_on_sigterm(tmp_path: Path):
    with started("worker", cwd=tmp_path) as (process, line):
        assert line == "gateway worker ready", process.stderr.read()

        process.send_signal(signal.SIGTERM)
        _, messages = process.communicate(timeout=15)

    assert process.returncode == 0, messages
    assert "Traceback" not in messages


def health_check(port: int) -> int:
    """Run the health check of the container image; return its exit code."""
    text = (Path(__file__).resolve().parents[2] / "Dockerfile").read_text()
    command = json.loads(text.partition("HEALTHCHECK")[2].partition("CMD ")[2].splitlines()[0])
    assert command[0] == "python"
    environment = child_environment(GATEWAY_SERVER__PORT=str(port), http_proxy="http://127.0.0.1:1")
    return subprocess.run([sys.executable, *command[1:]], env=environment, check=False, capture_output=True).returncode


def test_the_health_check_of_the_image_is_right(tmp_path: Path):
    with started("serve", "--port", "0", cwd=tmp_path) as (process, line):
        port = int(line.rpartition(":")[2])
        assert health_check(port) == 0
        process.kill()
        process.wait()
    assert health_check(port) != 0
    # Where nothing is set the embedded database lies below the folder it was started in, and nowhere else.
    assert (tmp_path / "var" / "gateway.db").is_file()


def addresses_in(output: str) -> dict[str, str]:
    """Return the addresses that the demo names at its end, by what they are of."""
    lines = output.partition("To look further")[2].splitlines()
    return {line.split()[0]: line.split()[1] for line in lines if len(line.split()) > 1 and "http://" in line}


def test_the_demo_takes_a_cart_to_its_completed_order(tmp_path: Path):
    began = time.monotonic()
    with started("demo", cwd=tmp_path) as (process, _):
        output, messages = process.communicate(timeout=60)

    assert process.returncode == 0, output + messages
    assert time.monotonic() - began < 30  # 15 s on a quiet machine
    for word in ("1 create", "2 add", "3 add", "4 price", "5 submit", "is completed", "1.11.11", "MUSIC_FLAT_RATE"):
        assert word in output, output
    assert "exactly one submitted order" in output
    assert set(addresses_in(output)) == {"cart", "checkout", "order", "API"}
    assert "gateway demo --keep" in output
    assert messages == ""


def test_the_demo_takes_a_cart_of_ones_own(tmp_path: Path):
    cart = {
        "relatedParty": [{"id": "CD1", "role": "customer"}],
        "cartItem": [
            {"id": "1", "action": "add", "quantity": 2, "productOffering": {"id": "A"}, "cartItem": [
                {"id": "1.1", "action": "add", "quantity": 1, "productOffering": {"id": "B"}},
            ]},
            {"id": "2", "action": "add", "quantity": 1, "status": "saveForLater", "productOffering": {"id": "A"}},
        ],
    }  # fmt: skip
    (tmp_path / "cart.json").write_text(json.dumps(cart))

    with started("demo", "cart.json", cwd=tmp_path) as (process, _):
        output, messages = process.communicate(timeout=60)

    assert process.returncode == 0, output + messages


@pytest.mark.parametrize(("offering", "ending"), [("REJECT_ME", "rejected"), ("REFUSE_ME", "rejected")])
def test_the_demo_fails_when_the_order_does_not_end_completed(tmp_path: Path, offering: str, ending: str):
    cart = {
        "relatedParty": [{"id": "CD1", "role": "customer"}],
        "cartItem": [{"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": offering}}],
    }
    (tmp_path / "cart.json").write_text(json.dumps(cart))

    with started("demo", "cart.json", cwd=tmp_path) as (process, _):
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert f"the checkout ended {ending}" in output


def test_the_demo_ends_its_processes_when_it_is_told_to_end(tmp_path: Path):
    with started("demo", "--keep", cwd=tmp_path) as (process, _):
        assert process.stdout is not None
        addresses, output = [], ""
        for line in process.stdout:
            output += line
            if "http://127.0.0.1:" in line and len(addresses) < 2:
                addresses.append("http://127.0.0.1:" + line.split("http://127.0.0.1:")[1].split()[0])
            if "Ctrl-C ends both" in line:
                break
        made = {name: httpx.get(address) for name, address in addresses_in(output).items()}
        assert httpx.get(f"{addresses[1]}/livez").status_code == 200
        listed = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "checkouts", "list", "--url", addresses[1], "--format", "json"],
            check=True, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2], env=child_environment(),
        )  # fmt: skip
        checkout = json.loads(listed.stdout)[0]
        shown = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "checkouts", "show", checkout["id"], "--url", addresses[1]],
            check=True, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2], env=child_environment(),
        )  # fmt: skip
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    assert {name: answer.status_code for name, answer in made.items()} == dict.fromkeys(made, 200)
    assert len(made["cart"].json()["cartItem"]) == 5
    assert made["checkout"].json()["id"] == checkout["id"]
    assert made["order"].json()["id"] == checkout["productOrder"]["id"]
    assert checkout["state"] == "completed"
    assert "1.11.11" in shown.stdout
    assert "submit" in shown.stdout
    for address in addresses:
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)
