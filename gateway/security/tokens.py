"""Bearer tokens: a TOML file of clients, in which a token stands only as its SHA-256.

    [[client]]
    name = "web-shop"
    tenant = "acme"
    roles = ["channel"]
    token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

A token is looked up by its hash: whoever measures how long that takes learns something of a hash, never of a token. Two
entries may have the same name, which is how a token is replaced without a gap.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from gateway.errors import Problem, SettingsError
from gateway.logs import get_logger
from gateway.roles import ROLES, Role, owner_scope_of

_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")
_KEYS: Final = ("name", "tenant", "roles", "token_sha256")
_log = get_logger("gateway.security")


class Client(Struct, frozen=True, kw_only=True):
    """Who calls: `name` is for logs, `tenant` says whose data it sees, `roles` what it may do.

    `of_upstream`: it is an order system with a token of its own, which reports orders of all the tenants that it serves.
    """

    name: str
    tenant: str
    roles: frozenset[Role]
    of_upstream: bool = False

    @property
    def owner_scope(self) -> str | None:
        """The client whose things alone this one sees (itself, a partner); None for all of the tenant."""
        return owner_scope_of(self.name, self.roles)


class Clients:
    """Every client, found by its token."""

    def __init__(self, by_hash: Mapping[str, Client]) -> None:
        self._by_hash = by_hash

    def __len__(self) -> int:
        return len(self._by_hash)

    def find(self, token: str) -> Client | None:
        """Return the client whose token this is, or None."""
        return self._by_hash.get(token_sha256(token))


def token_sha256(token: str) -> str:
    """Return the SHA-256 of a token in lower-case hexadecimal digits, as the file holds it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def parse_clients(text: bytes, source: str) -> Clients:
    """Return the clients that the TOML `text` lists; `source` is the file's name, for messages.

    Raises SettingsError with every mistake of the file.
    """
    try:
        document = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([Problem(source, f"is not valid TOML: {error}")]) from None
    problems = [
        Problem(f"{source}: {key}", "is unknown; clients are listed as [[client]]")
        for key in document
        if key != "client"
    ]
    entries = document.get("client", [])
    if not isinstance(entries, list) or not entries:
        problems.append(Problem(f"{source}: client", "must be one or more [[client]] tables"))
        entries = []
    by_hash: dict[str, Client] = {}
    for position, entry in enumerate(entries):
        path = f"{source}: client[{position}]"
        mistakes = list(_mistakes(entry, path))
        problems += mistakes
        if mistakes:
            continue
        digest = entry["token_sha256"].lower()
        if digest in by_hash:
            problems.append(Problem(f"{path}.token_sha256", "is that of another client; give each its own token"))
        by_hash[digest] = Client(name=entry["name"], tenant=entry["tenant"], roles=frozenset(entry["roles"]))
    if problems:
        raise SettingsError(problems)
    return Clients(by_hash)


def _mistakes(entry: Any, path: str) -> list[Problem]:
    """Return what is wrong with one client. No message repeats a value: one of them may be a token."""
    if not isinstance(entry, dict):
        return [Problem(path, "must be a table")]
    problems = []
    for key in entry:
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(_KEYS)}"
            problems.append(Problem(f"{path}.{key}", f"is unknown; {hint}"))
    problems += [Problem(f"{path}.{key}", "is missing") for key in _KEYS if key not in entry]
    checks = (
        ("name", _NAME, "must be 1 to 63 letters, digits, dots, hyphens and underscores"),
        ("tenant", _TENANT, "must be 1 to 63 lower-case letters, digits and hyphens"),
        ("token_sha256", _HASH, "must be the SHA-256 of the token: 64 hexadecimal digits, not the token itself"),
    )
    for key, pattern, message in checks:
        if key in entry and not (isinstance(entry[key], str) and pattern.fullmatch(entry[key])):
            problems.append(Problem(f"{path}.{key}", message))
    if "roles" in entry and not _are_roles(entry["roles"]):
        problems.append(Problem(f"{path}.roles", f"must be a list of one or more of: {', '.join(ROLES)}"))
    return problems


def _are_roles(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(role in ROLES for role in value)


def load_clients(path: Path) -> Clients:
    """Read the file of clients. Raises SettingsError with every mistake, also when it cannot be read."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError([Problem("security.tokens_file", f"{path} cannot be read: {error.strerror}")]) from None
    return parse_clients(text, str(path))


class TokenFile:
    """The clients of a file, read again when it changes: a token is replaced without a restart.

    A new version with mistakes is logged and not used; the one before stays in force.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._version()
        self._clients = load_clients(path)

    def clients(self) -> Clients:
        """Return the clients as of now."""
        version = self._version()
        if version != self._seen:
            self._seen = version
            try:
                self._clients = load_clients(self._path)
            except SettingsError as error:
                _log.error("tokens.refused", problems=[str(problem) for problem in error.problems])
            else:
                _log.info("tokens.reloaded", clients=len(self._clients))
        return self._clients

    def _version(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)
