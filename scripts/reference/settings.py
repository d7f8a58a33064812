"""`config/gateway.toml` and the page of settings, from the declarations in `gateway/settings`."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import msgspec

from gateway.configuration import every_setting
from gateway.settings import Settings
from scripts.reference.markdown import code, page, table

UPSTREAM = "upstreams.NAME"
EXAMPLE_UPSTREAM = {
    "base_url": "https://crm.example.com/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1",
    "mapping": "salesforce-v4",
}

HEAD = """\
# Every setting with its default. Each value below is commented out: take away the `#` of what you change.
#
# Read by `gateway serve --config FILE` (or the environment variable GATEWAY_CONFIG). The environment overrides the file:
# GATEWAY_ + the path in upper case with __ between the levels, e.g. GATEWAY_STORAGE__URL=postgresql://...
# A value FILE:/path is read from that file, here and in the environment: the place for secrets.
# An unknown name is an error, and so is an unsafe combination; `gateway config check` reports all mistakes at once.
#
# Generated from gateway/settings by `make docs`.
"""


def sections() -> dict[str, list[tuple[str, str, Any, str]]]:
    """Return (name, type, default, documentation) of every setting by its table."""
    found: dict[str, list[tuple[str, str, Any, str]]] = {}
    for path, kind, default, text in every_setting():
        section, _, name = path.rpartition(".")
        found.setdefault(section, []).append((name, kind, default, text))
    return found


def configuration_file() -> str:
    """Return the text of `config/gateway.toml`."""
    parts = [HEAD]
    for section, settings in sections().items():
        title = documentation_of(section)
        header = section.replace(UPSTREAM, "upstreams.salesforce")
        if section.startswith(UPSTREAM):
            # A table that is there makes an upstream; so its head is commented out too.
            header_line = f"#[{header}]"
            title += " As many as you like, each under a name of its own." if section == UPSTREAM else ""
        else:
            header_line = f"[{header}]"
        parts.append(f"\n{comment(title)}\n{header_line}\n")
        for name, kind, default, text in settings:
            words = kind if isinstance(default, str) else kind.replace('"', "")
            allowed = f" ({words})" if "|" in kind and "true" not in kind else ""
            value = EXAMPLE_UPSTREAM.get(name, "") if default is msgspec.NODEFAULT else default
            required = "required: " if default is msgspec.NODEFAULT else ""
            parts.append(f"\n{comment(required + text + allowed)}\n#{name} = {toml(value)}\n")
    return "".join(parts)


def settings_page() -> str:
    """Return the page that lists every setting."""
    parts = []
    for section, settings in sections().items():
        rows = [
            (
                code(name),
                kind.replace('"', ""),
                "required" if default is msgspec.NODEFAULT else code(toml(default)),
                text,
            )
            for name, kind, default, text in settings
        ]
        heads = ("name", "type", "default", "what it is")
        parts.append(f"## `[{section}]`\n\n{documentation_of(section)}\n\n{table(heads, rows)}")
    introduction = """
Every setting, as `gateway serve --config FILE` reads it. [`config/gateway.toml`](../../config/gateway.toml) is the same list as
a file to start from. The environment overrides the file: `GATEWAY_` + the path in upper case, `__` between the levels
(`GATEWAY_UPSTREAMS__SALESFORCE__BASE_URL`). A value `FILE:/path` is read from that file. `gateway config check` reports
every mistake at once: unknown names, wrong types, values out of range, combinations that could lose or double an order.
"""
    return page("Settings", introduction, *parts)


def documentation_of(section: str) -> str:
    """Return the first line of the docstring of the Struct behind a table of settings."""
    kind: Any = Settings
    for part in section.split("."):
        fields = {item.name: item.type for item in msgspec.structs.fields(kind)} if part != "NAME" else {}
        kind = fields[part] if part != "NAME" else kind.__args__[1]
    return str(kind.__doc__).splitlines()[0]


def comment(text: str) -> str:
    """Return `text` as TOML comment lines, wrapped."""
    return "\n".join(textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# "))


def toml(value: Any) -> str:
    """Return a setting's value as TOML writes it."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml(each) for each in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    # A JSON string is a TOML basic string, and numbers are the same in both.
    return json.dumps(value)
