"""Registering for notifications at the hub of an order system (TMF630), and taking a registration back."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from gateway.ordering import Mapping
from gateway.tmf.json import encode_json
from gateway.upstream.answers import is_safe_id
from gateway.upstream.options import UpstreamOptions, port_of
from gateway.upstream.reads import decode_answer
from gateway.upstream.transport import Answer, ExchangeFailed

_CONFLICT: Final = 409
_GONE: Final = frozenset({404, 410})


class Registered(Struct, frozen=True, kw_only=True):
    """The hub has the registration. `hub_id` is its id there; None where it was there already, and the answer does not name it."""

    hub_id: str | None


class NotRegistered(Struct, frozen=True, kw_only=True):
    """The hub did not take it; `detail` says why, safe to show and to log."""

    detail: str


class HubClient:
    """The hub of one order system. Close it when done."""

    def __init__(self, options: UpstreamOptions) -> None:
        self._options = options
        self._port = port_of(options, keep_alive=False)

    async def register(self, callback: str, query: str) -> Registered | NotRegistered:
        """Ask for notifications at `callback`. A hub that has it already (409) is as good as one that takes it."""
        mapping = self._options.mapping
        if not mapping.api.hub_resource:
            return NotRegistered(detail=f"the mapping {mapping.name} names no hub (api.hub_resource)")
        answer = await self._call("POST", "", encode_json(_wanted(mapping, callback, query)))
        if isinstance(answer, NotRegistered):
            return answer
        if answer.status == _CONFLICT:
            return Registered(hub_id=_named(answer))
        if not 200 <= answer.status <= 299:  # noqa: PLR2004 - the class of success
            return NotRegistered(detail=f"the hub answered {answer.status}")
        return Registered(hub_id=_named(answer))

    async def unregister(self, hub_id: str, *, is_new: bool = False) -> NotRegistered | None:
        """Take a registration back; None when it is gone, no matter who took it back. One that `is_new` must be there to be taken back."""
        if not is_safe_id(hub_id):
            return NotRegistered(detail="the id of the registration cannot be part of a URL")
        answer = await self._call("DELETE", f"/{quote(hub_id, safe='')}", None)
        if isinstance(answer, NotRegistered):
            return answer
        if 200 <= answer.status <= 299 or (answer.status in _GONE and not is_new):  # noqa: PLR2004 - the class of success
            return None
        return NotRegistered(detail=f"the hub answered {answer.status}")

    async def close(self) -> None:
        """Close every connection."""
        await self._port.close()
        if self._options.auth is not None:
            await self._options.auth.close()

    async def _call(self, method: str, path: str, body: bytes | None) -> Answer | NotRegistered:
        url = f"{self._options.base_url.rstrip('/')}/{self._options.mapping.api.hub_resource}{path}"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            return await self._port.exchange(
                method, url, body=body, headers=headers, within_seconds=self._options.deadline_seconds
            )
        except ExchangeFailed as failure:
            return NotRegistered(detail=f"the hub does not answer: {failure.detail}")


def _wanted(mapping: Mapping, callback: str, query: str) -> dict[str, Any]:
    wanted: dict[str, Any] = {"callback": callback}
    if query:
        wanted["query"] = query
    if mapping.dialect == "tmf622-v5":
        wanted["@type"] = "Hub"
    return wanted


def _named(answer: Answer) -> str | None:
    """Return the id that an answer gives a registration: in its body, or at the end of its Location."""
    document, _ = decode_answer(answer)
    named = document.get("id") if isinstance(document, dict) else None
    if named is None:
        named = unquote(urlsplit(answer.headers.get("location", "")).path.rstrip("/").rpartition("/")[2])
    text = str(named) if isinstance(named, str | int) and not isinstance(named, bool) else ""
    return text if is_safe_id(text) else None
