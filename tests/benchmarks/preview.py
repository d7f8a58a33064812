"""How much memory a preview of a very large cart takes, in a real gateway process.

    python tests/benchmarks/preview.py [--items 10000] [--mapping NAME]...

Starts `gateway serve` with raised limits and no order system behind it (a preview sends nothing), previews a cart by value,
and reads the process's peak of resident memory. Each mapping (salesforce-v4 and tmf622-v5 when none is named) has a process
of its own and one JSON line; exit code 1 when one is above 200 MiB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from bench.runs import end, parser, tell

LIMIT_MIB = 200
PREVIEW = "/tmf-api/checkoutManagement/v1/checkout/preview"
SETTINGS = """
[server]
port = 0
body_bytes_max = 50_000_000
[cart]
items_max = 20_000
[storage]
url = "sqlite:///{folder}/gateway.db"
[upstreams.big]
base_url = "http://127.0.0.1:9/orders"
mapping = "{mapping}"
"""
MAPPINGS = ("salesforce-v4", "tmf622-v5")


def cart(items: int) -> dict[str, object]:
    """Return a bundle of one root and `items` - 1 children with two characteristics and a price each."""
    children = [
        {
            "id": f"1.{number}",
            "action": "add",
            "quantity": 1,
            "productOffering": {"id": f"OPTION_{number % 50}", "name": "Option"},
            "product": {
                "productCharacteristic": [{"name": "color", "value": "white"}, {"name": "size", "value": str(number)}]
            },
            "itemPrice": [
                {
                    "priceType": "recurring",
                    "recurringChargePeriod": "month",
                    "price": {"dutyFreeAmount": {"unit": "EUR", "value": number}},
                }
            ],
        }
        for number in range(1, items)
    ]
    root = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "BUNDLE"}, "cartItem": children}
    return {"relatedParty": [{"id": "CD1", "role": "customer", "@referredType": "Customer"}], "cartItem": [root]}


def peak_mib(process_id: int) -> float:
    """Return the peak of resident memory of a process, in MiB."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def measure(items: int, mapping: str) -> dict[str, object]:
    """Return the figures of one preview in a gateway process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "gateway.toml"
        config.write_text(SETTINGS.format(folder=folder, mapping=mapping), encoding="utf-8")
        command = [str(Path(sys.executable).parent / "gateway"), "serve", "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
            try:
                assert process.stdout is not None
                address = process.stdout.readline().rsplit(" ", 1)[-1].strip()
                idle = peak_mib(process.pid)
                started = time.perf_counter()
                answer = httpx.post(address + PREVIEW, json={"shoppingCart": cart(items)}, timeout=120)
                seconds = time.perf_counter() - started
                answer.raise_for_status()
                peak = peak_mib(process.pid)
                steps = len(answer.json()["step"])
            finally:
                process.terminate()
    return {
        "benchmark": "preview",
        "mapping": mapping,
        "items": items,
        "steps": steps,
        "body_bytes": len(answer.request.content),
        "answer_bytes": len(answer.content),
        "seconds": round(seconds, 2),
        "idle_mib": round(idle),
        "peak_mib": round(peak),
        "limit_mib": LIMIT_MIB,
        "ratio_of_limit": round(peak / LIMIT_MIB, 2),
        "kept": peak < LIMIT_MIB,
    }


def main() -> None:
    """Measure, print, and say whether the limit is kept."""
    wanted = parser(__doc__)
    wanted.add_argument("--items", type=int, default=10_000)
    wanted.add_argument("--mapping", action="append", metavar="NAME", help="may be repeated")
    arguments = wanted.parse_args()
    end([tell(measure(arguments.items, mapping), "kept") for mapping in arguments.mapping or MAPPINGS])


if __name__ == "__main__":
    main()
