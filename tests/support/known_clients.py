"""A gateway that knows its clients by tokens: the file that lists them, and the settings that name it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway.security.tokens import token_sha256
from gateway.settings import SecuritySettings


def known_clients(
    folder: Path,
    clients: Mapping[str, tuple[str, Sequence[str]]],
    *,
    token: Callable[[str], str] = str,
) -> SecuritySettings:
    """Write the file of clients, by name each with its tenant and roles. A client's token is its name, or what `token` makes of it."""
    file = folder / "clients.toml"
    file.write_text(
        "".join(
            f'[[client]]\n{name = }\n{tenant = }\nroles = {json.dumps(list(roles))}\ntoken_sha256 = "{token_sha256(token(name))}"\n'
            for name, (tenant, roles) in clients.items()
        )
    )
    return SecuritySettings(mode="tokens", tokens_file=str(file))
