"""Write the pages that are generated from the code; with `--check` only say which are not up to date (exit code 1)."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.reference import attributes, ends, events, misbehaviours, pages, picture, reasons, roles, settings

ROOT = Path(__file__).resolve().parent.parent

GENERATED = {
    "docs/flow.svg": picture.picture,
    "config/gateway.toml": settings.configuration_file,
    "docs/reference/settings.md": settings.settings_page,
    "docs/reference/roles.md": roles.roles_page,
    "docs/reference/errors.md": pages.errors_page,
    "docs/reference/states.md": pages.states_page,
    "docs/reference/reasons.md": reasons.reasons_page,
    "docs/reference/findings.md": pages.findings_page,
    "docs/reference/mapping.md": pages.mapping_page,
    "docs/reference/attributes.md": attributes.attributes_page,
    "docs/reference/order-system-faults.md": ends.ends_page,
    "docs/reference/misbehaviours.md": misbehaviours.misbehaviours_page,
    "docs/reference/events.md": events.events_page,
    "docs/reference/command-line.md": pages.command_line_page,
}


def main(arguments: list[str]) -> int:
    """Write or check every page; return the exit code."""
    stale = []
    for name, build in GENERATED.items():
        path, text = ROOT / name, build()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if stale and "--check" in arguments:
        print(f"not up to date, run `make docs`: {', '.join(stale)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
