"""Bearer tokens: a TOML file of clients, in which a token stands only as its SHA-256.

    [[client]]
    name = "web-shop"
    tenant = "acme"
    roles = ["channel"]
    token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

A token is looked up by its hash: somebody who measures how long that takes learns something of a hash, never of a token.

A client may have several tokens, each with an end: `[[client.token]]` tables with `sha256` and `expires`, in place of
`token_sha256` or beside it. Two entries may also have the same name. `certificate_subject` is that of a certificate which a
proxy in front has checked (`security.client_certificate`).

At the start a file with any mistake is refused. Later, when it has changed, an entry with a mistake is refused alone, and nobody
whose entry is gone or cannot be read keeps a token of before: a revocation takes place whatever else is wrong in the file.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from gateway.clock import utc_now
from gateway.errors import Problem, SettingsError, UnavailableError
from gateway.logs import get_logger
from gateway.roles import ROLES, Role, owner_scope_of

_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")
_SUBJECT: Final = re.compile(r"[ -~\u00a0-\u00ff]{1,1024}")
_NEEDED: Final = ("name", "tenant", "roles")
_KEYS: Final = (*_NEEDED, "token_sha256", "token", "certificate_subject")
_TOKEN_KEYS: Final = ("sha256", "expires")
_IS_HASH: Final = "must be the SHA-256 of the token: 64 hexadecimal digits, not the token itself"
# Where an entry begins: entries are read one by one in a file that is not TOML as a whole.
_ENTRY: Final = re.compile(rb"(?m)^[ \t]*(?=\[\[[ \t]*client[ \t]*\]\])")
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
    """Every client, found by its token: by the hash of each token the client, and when that token ends (None: it does not)."""

    def __init__(self, by_hash: Mapping[str, tuple[Client, datetime | None]]) -> None:
        self._by_hash = by_hash

    def __len__(self) -> int:
        return len(self._by_hash)

    def find(self, token: str, now: datetime | None = None) -> Client | None:
        """Return the client whose token this is, None when it is nobody's or has expired at `now` (the machine's time)."""
        return self.get(token_sha256(token), now)

    def whose(self, key: str) -> Client | None:
        """Return whose it is, also when it has expired; None when it is nobody's. For what is told, never for who is let in."""
        return self._by_hash.get(key, (None, None))[0]

    def get(self, key: str, now: datetime | None = None) -> Client | None:
        """Return the client with this hash of a token, or this `certificate_key`; otherwise as `find`."""
        client, expires = self._by_hash.get(key, (None, None))
        return client if expires is None or expires > (now or utc_now()) else None


class ReadClients(NamedTuple):
    """What a file of clients says: those whose entries are right, and every mistake of the others."""

    clients: Clients
    problems: tuple[Problem, ...]


def token_sha256(token: str) -> str:
    """Return the SHA-256 of a token in lower-case hexadecimal digits, as the file holds it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def certificate_key(subject: str) -> str:
    """Return what a client with this subject of its certificate is found by; no hash of a token is such a text."""
    return f"certificate {subject}"


def read_clients(text: bytes, source: str) -> ReadClients:
    """Return the clients that the TOML `text` lists; `source` is the file's name, for messages."""
    entries, problems = _entries(text, source)
    by_hash: dict[str, tuple[Client, datetime | None]] = {}
    shared: set[str] = set()
    for position, entry in entries:
        path = f"{source}: client[{position}]"
        mistakes = list(_mistakes(entry, path))
        problems += mistakes
        if mistakes:
            continue
        client = Client(name=entry["name"], tenant=entry["tenant"], roles=frozenset(entry["roles"]))
        for where, digest, expires in _tokens(entry):
            if digest in by_hash:
                problems.append(Problem(f"{path}.{where}", "is that of another client; give each its own token"))
                shared.add(digest)
            by_hash[digest] = (client, expires)
    # Whose a token is that two claim is not known.
    return ReadClients(Clients({key: found for key, found in by_hash.items() if key not in shared}), tuple(problems))


def _entries(text: bytes, source: str) -> tuple[list[tuple[int, Any]], list[Problem]]:
    """Return the entries with their places, and what is wrong with the file around them."""
    problems: list[Problem] = []
    try:
        document = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(Problem(source, f"is not valid TOML: {error}"))
        return list(_readable(text)), problems
    problems += [
        Problem(f"{source}: {key}", "is unknown; clients are listed as [[client]]")
        for key in document
        if key != "client"
    ]
    entries = document.get("client", [])
    if not isinstance(entries, list) or not entries:
        problems.append(Problem(f"{source}: client", "must be one or more [[client]] tables"))
        entries = []
    return list(enumerate(entries)), problems


def _readable(text: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the entries of a file that is not TOML as a whole, those that are TOML by themselves."""
    for position, piece in enumerate(_ENTRY.split(text)[1:]):
        try:
            document = tomllib.loads(piece.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue
        if document.keys() == {"client"} and len(document["client"]) == 1:
            yield position, document["client"][0]


def parse_clients(text: bytes, source: str) -> Clients:
    """Return the clients that the TOML `text` lists. Raises SettingsError with every mistake of the file."""
    read = read_clients(text, source)
    if read.problems:
        raise SettingsError(read.problems)
    return read.clients


def _mistakes(entry: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with one client. No message repeats a value: one of them may be a token."""
    if not isinstance(entry, dict):
        yield Problem(path, "must be a table")
        return
    yield from _unknown(entry, _KEYS, path)
    needed = _NEEDED if {"token", "certificate_subject"} & entry.keys() else (*_NEEDED, "token_sha256")
    yield from (Problem(f"{path}.{key}", "is missing") for key in needed if key not in entry)
    checks = (
        ("name", _NAME, "must be 1 to 63 letters, digits, dots, hyphens and underscores"),
        ("tenant", _TENANT, "must be 1 to 63 lower-case letters, digits and hyphens"),
        ("token_sha256", _HASH, _IS_HASH),
        ("certificate_subject", _SUBJECT, "must be the subject as the proxy writes it, 1 to 1024 printable characters"),
    )
    for key, pattern, message in checks:
        if key in entry and not (isinstance(entry[key], str) and pattern.fullmatch(entry[key])):
            yield Problem(f"{path}.{key}", message)
    if "roles" in entry and not _are_roles(entry["roles"]):
        yield Problem(f"{path}.roles", f"must be a list of one or more of: {', '.join(ROLES)}")
    if "token" in entry:
        yield from _wrong_tokens(entry["token"], f"{path}.token")


def _wrong_tokens(tokens: Any, path: str) -> Iterator[Problem]:
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, dict) for token in tokens):
        yield Problem(path, "must be one or more [[client.token]] tables")
        return
    for index, token in enumerate(tokens):
        yield from _unknown(token, _TOKEN_KEYS, f"{path}[{index}]")
        digest, expires = token.get("sha256"), token.get("expires")
        if not (isinstance(digest, str) and _HASH.fullmatch(digest)):
            yield Problem(f"{path}[{index}].sha256", _IS_HASH)
        if "expires" in token and not (isinstance(expires, datetime) and expires.tzinfo is not None):
            yield Problem(
                f"{path}[{index}].expires", "must be a time with its zone, without quotes: 2027-01-31T00:00:00Z"
            )


def _unknown(table: dict[str, Any], keys: tuple[str, ...], path: str) -> Iterator[Problem]:
    for key in table:
        if key not in keys:
            close = difflib.get_close_matches(key, keys, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(keys)}"
            yield Problem(f"{path}.{key}", f"is unknown; {hint}")


def _tokens(entry: dict[str, Any]) -> Iterator[tuple[str, str, datetime | None]]:
    """Yield where each token of an entry without mistakes stands, its hash and its end."""
    if "token_sha256" in entry:
        yield "token_sha256", entry["token_sha256"].lower(), None
    if "certificate_subject" in entry:
        yield "certificate_subject", certificate_key(entry["certificate_subject"]), None
    for index, token in enumerate(entry.get("token", ())):
        expires = token.get("expires")
        yield f"token[{index}].sha256", token["sha256"].lower(), None if expires is None else expires.astimezone(UTC)


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
    """The clients of a file, read again when it changes: a token is replaced, or revoked, without a restart.

    `problems` are the mistakes of the file as it is now: who they concern is not let in. While the file cannot be read at all
    nobody is, because nobody knows whose token was revoked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._version()
        self._clients: Clients | None = load_clients(path)
        self.problems: tuple[Problem, ...] = ()

    def clients(self) -> Clients:
        """Return the clients as of now. Raises UnavailableError (503) while the file cannot be read."""
        self.refresh()
        if self._clients is None:
            raise UnavailableError("Who calls cannot be looked up now; try again.", headers={"Retry-After": "5"})
        return self._clients

    def refresh(self) -> None:
        """Read the file again if it changed, or could not be read; tell its mistakes in the log, once each time it changes."""
        version = self._version()
        if version == self._seen and self._clients is not None:
            return
        told, self._seen = version == self._seen, version
        try:
            self._clients, self.problems = read_clients(self._path.read_bytes(), str(self._path))
        except OSError as error:
            self._clients = None
            self.problems = (Problem("security.tokens_file", f"{self._path} cannot be read: {error.strerror}"),)
        if self.problems and not told:
            usable = 0 if self._clients is None else len(self._clients)
            _log.error("tokens.refused", problems=[str(problem) for problem in self.problems], tokens_in_force=usable)
        elif not self.problems:
            _log.info("tokens.reloaded", clients=0 if self._clients is None else len(self._clients))

    def _version(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)
