"""The authorization code flow with PKCE, as far as it is decided here (RFC 6749, RFC 7636, RFC 9207, RFC 9700). Pure.

What the gateway must know again when the person comes back stands in a cookie of that browser, which no page can read: nothing is stored
for people who only began.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from gateway.errors import ForbiddenError, InvalidQueryError, Problem

# One for each tab in which a login was begun; of more than these the first is forgotten.
ATTEMPT_COOKIES: Final = tuple(f"__Host-gateway-login{tab}" for tab in ("", "-2", "-3", "-4"))
ATTEMPT_SECONDS: Final = 600
RETURN_CHARACTERS_MAX: Final = 1_024
CODE_CHARACTERS_MAX: Final = 2_048
_RETURN_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{20,128}")


class Attempt(NamedTuple):
    """A login that was begun: what comes back with the person (`state`), what nobody else knows, and where to go afterwards."""

    state: str
    nonce: str
    verifier: str
    return_to: str


class ProviderRefusedError(ForbiddenError):
    """The provider says that the person did not log in."""


def safe_return(path: str | None) -> str:
    """Return the path to go to after a login. Raises InvalidQueryError (400) for what is not a path of this host."""
    if path is None or path == "":
        return "/"
    if len(path) > RETURN_CHARACTERS_MAX or _RETURN_PATH.fullmatch(path) is None:
        what = "must be a path of this host that begins with one /"
        raise InvalidQueryError(f"return_to {what}.", problems=[Problem("return_to", what)])
    return path


def challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorization_url(
    endpoint: str, attempt: Attempt, client_id: str, scopes: tuple[str, ...], redirect_uri: str
) -> str:
    """Return where the browser goes to log in."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge(attempt.verifier),
        "code_challenge_method": "S256",
    }
    return _with_query(endpoint, asked)


def end_session_url(endpoint: str, client_id: str, back_to: str) -> str:
    """Return where the browser goes to log out at the provider as well; empty where it has no such place.

    (OpenID Connect RP-Initiated Logout.)
    """
    return _with_query(endpoint, {"client_id": client_id, "post_logout_redirect_uri": back_to}) if endpoint else ""


def _with_query(address: str, values: dict[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(values)}"


def attempt_text(attempt: Attempt) -> str:
    """Return an attempt as the value of a cookie."""
    return base64.urlsafe_b64encode(json.dumps(attempt).encode()).rstrip(b"=").decode()


def read_attempt(text: str | None) -> Attempt | None:
    """Return the attempt that a cookie holds, None when it holds none."""
    try:
        parts: Any = json.loads(base64.urlsafe_b64decode((text or "") + "=" * (-len(text or "") % 4)))
        *words, return_to = parts
        state, nonce, verifier = words
        if not all(isinstance(each, str) and _WORD.fullmatch(each) for each in words) or not isinstance(return_to, str):
            return None
        return Attempt(state, nonce, verifier, safe_return(return_to))
    except (binascii.Error, ValueError, TypeError, RecursionError, InvalidQueryError):
        return None


def attempt_of(state: str, given: Mapping[str, str | None]) -> tuple[str, Attempt] | None:
    """Return the attempt with this state among those that a browser carries, and its cookie; None when it is none of them."""
    for name, text in given.items():
        attempt = read_attempt(text)
        if attempt is not None and hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "replace")):
            return name, attempt
    return None


def code_of(pairs: list[tuple[str, str]], attempt: Attempt | None, issuer: str) -> str:
    """Return the code that a person brought back from the provider.

    `attempt` is that of the state. Raises InvalidQueryError (400) unless it is this browser's login and this provider's answer,
    ProviderRefusedError (403) when the provider says that there was no login.
    """
    values = dict(pairs)
    if len(values) != len(pairs):
        raise InvalidQueryError("A parameter is given more than once; begin again at /login.")
    if attempt is None:
        what = "is not that of a login that this browser began in the last 10 minutes; begin again at /login"
        raise InvalidQueryError(f"state {what}.", problems=[Problem("state", what)])
    if values.get("iss", issuer) != issuer:
        raise InvalidQueryError("iss names another provider.", problems=[Problem("iss", "names another provider")])
    if "error" in values:
        raise ProviderRefusedError("The identity provider did not log you in; begin again at /login.")
    code = values.get("code", "")
    if not 0 < len(code) <= CODE_CHARACTERS_MAX:
        raise InvalidQueryError("code is missing.", problems=[Problem("code", "is missing")])
    return code


def set_cookie(name: str, value: str, seconds: int) -> tuple[bytes, bytes]:
    """Return the header that sets a cookie of this host alone, which no page can read; 0 seconds remove it."""
    return (b"set-cookie", f"{name}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax".encode())
