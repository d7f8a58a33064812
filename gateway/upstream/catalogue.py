"""Asks a TMF620 catalogue which children of bundles are mandatory: bounded reads, cached, and never in the way of a checkout.

A catalogue that is slow, down or wrong makes a doubt, which becomes a finding; nothing here raises. Only ids of the cart's
own bundles (and of what these bundle) are ever part of an address, and `href`s and redirections are not followed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

import structlog

from gateway.fair_limiter import FairLimiter
from gateway.ordering import Bundle, Catalogue, Doubt, Offering, read_offering, resolve
from gateway.settings import CatalogueSettings
from gateway.upstream.answers import is_safe_id
from gateway.upstream.call_guard import CallGuard
from gateway.upstream.offerings import OfferingCache, Said
from gateway.upstream.options import UpstreamOptions
from gateway.upstream.port import ReadFailed
from gateway.upstream.reads import HTTP_NOT_FOUND, Reader

log = structlog.get_logger(__name__)

READS_MAX: Final = 2_000
"""Reads of this process that wait or are under way; more are not begun."""
READS_OF_TENANT_MAX: Final = 500
"""Those of one tenant; the others' are begun all the same."""
FAILURES_MAX: Final = 10_000
"""Failed reads that are remembered for a moment."""


class CatalogueClient:
    """Reads product offerings by id and keeps what they say. Close it when done."""

    def __init__(
        self,
        options: UpstreamOptions,
        settings: CatalogueSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._options = replace(options, base_url=options.base_url.rstrip("/"))
        self._settings = settings
        self._clock = clock
        self._reader = Reader(
            self._options, CallGuard(options, clock=clock, jitter=jitter), clock=clock, sleep=sleep, jitter=jitter
        )
        self._cache = OfferingCache(settings.cache_entries_max)
        # Why an offering could not be read, and when that was.
        self._failed: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._shares = FairLimiter(options.concurrency_max)
        # One read of an offering serves all of a tenant who wait for it, and those who come later when it ends after they gave up;
        # once it has its turn, other tenants too: till then they would wait behind all that its tenant has asked for.
        self._reading: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._asked: dict[str, asyncio.Task[None]] = {}
        # How many of these each tenant has begun.
        self._reads_of: Counter[str] = Counter()

    async def catalogue(self, wanted: Mapping[str, frozenset[str]], tenant: str = "") -> Catalogue:
        """Return which of the items beneath each wanted bundle are mandatory, and what is doubtful about that.

        `wanted` is as `gateway.ordering.translation.bundles.wanted_bundles` returns it; the reads are `tenant`'s. Takes no longer than
        `catalogue.checkout_seconds`.
        """
        settings = self._settings
        ends_at = self._clock() + settings.checkout_seconds
        ask = _Ask(settings.offerings_max)
        bundles: dict[str, Bundle | None] = {}
        unread: set[str] = set(wanted)
        while begun := ask.take(unread):
            await self._read_all(begun, tenant, ends_at)
            ask.learn(begun, {each: self._known(each) for each in begun})
            bundles = {
                code: resolve(code, children, ask.known, depth_max=settings.depth_max)
                for code, children in wanted.items()
            }
            unread = {each for bundle in bundles.values() if bundle is not None for each in bundle.unread}
        return Catalogue(
            mandatory={code: bundle.mandatory for code, bundle in bundles.items() if bundle is not None},
            doubts={code: doubt for code in wanted if (doubt := self._doubt(code, bundles.get(code), ask)) is not None},
        )

    async def close(self) -> None:
        """End what is under way and close every connection."""
        reads = list(self._reading.values())
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        await self._reader.close()
        if self._options.auth is not None:
            await self._options.auth.close()

    # -- reading ------------------------------------------------------------------------------------------------

    async def _read_all(self, offering_ids: Iterable[str], tenant: str, ends_at: float) -> None:
        """Wait until every offering that is not known freshly was asked for, or the time is over."""
        begun = [self._begin(each, tenant) for each in offering_ids if self._is_due(each)]
        reads = [read for read in begun if read is not None]
        if reads:
            await asyncio.wait(reads, timeout=max(0.0, ends_at - self._clock()))

    def _is_due(self, offering_id: str) -> bool:
        """Tell whether an offering is to be asked for: not known freshly, and not tried in vain just now."""
        failed = self._failed.get(offering_id)
        if failed is not None and self._clock() - failed[1] < self._settings.retry_seconds:
            return False
        said = self._cache.get(offering_id)
        if said is None:
            return True
        kept_seconds = self._settings.unknown_seconds if said.offering is None else self._settings.fresh_seconds
        return self._clock() - said.at_seconds >= kept_seconds

    def _begin(self, offering_id: str, tenant: str) -> asyncio.Task[None] | None:
        key = tenant, offering_id
        read = self._asked.get(offering_id) or self._reading.get(key)
        if read is None and len(self._reading) < READS_MAX and self._reads_of[tenant] < READS_OF_TENANT_MAX:
            read = self._reading[key] = asyncio.create_task(self._read(offering_id, tenant))
            self._reads_of[tenant] += 1
            read.add_done_callback(lambda _read: self._ended(offering_id, tenant))
        return read

    def _ended(self, offering_id: str, tenant: str) -> None:
        read = self._reading.pop((tenant, offering_id), None)
        if self._asked.get(offering_id) is read:
            del self._asked[offering_id]
        self._reads_of[tenant] -= 1
        if not self._reads_of[tenant]:
            del self._reads_of[tenant]

    async def _read(self, offering_id: str, tenant: str) -> None:
        """Ask for one offering and keep the answer, or why there is none."""
        try:
            # A read's own time begins when it is its turn.
            async with self._shares.slot(tenant):
                if not self._is_due(offering_id):
                    return  # another tenant's read has told meanwhile
                self._asked[offering_id] = self._reading[tenant, offering_id]
                offering = await self._offering(offering_id)
        except ReadFailed as failure:
            self._fail(offering_id, str(failure))
        except Exception as error:
            log.exception("catalogue.crashed")
            self._fail(offering_id, type(error).__name__)
        else:
            self._failed.pop(offering_id, None)
            self._cache.put(offering_id, Said(offering, self._clock()))

    async def _offering(self, offering_id: str) -> Offering | None:
        if not is_safe_id(offering_id.replace(" ", "_")):  # a space is sent as %20 and separates nothing
            raise ReadFailed("no address can hold its code")
        settings = self._settings
        url = f"{self._options.base_url}/{settings.resource}/{quote(offering_id, safe='')}"
        try:
            reading = await self._reader.read(url, {"fields": settings.fields} if settings.fields else None)
        except ReadFailed as failure:
            if failure.status == HTTP_NOT_FOUND:
                return None
            raise
        document = reading.document
        if not isinstance(document, dict):
            raise ReadFailed("the answer is not a JSON object")
        if document.get("id", offering_id) != offering_id:
            raise ReadFailed("the answer is another offering than the one asked for")
        offering = read_offering(document)
        if offering is None:
            raise ReadFailed("the offering bundles more children than are read")
        return offering

    def _fail(self, offering_id: str, why: str) -> None:
        log.warning("catalogue.unread", why=why)
        self._failed[offering_id] = (why, self._clock())
        self._failed.move_to_end(offering_id)
        while len(self._failed) > FAILURES_MAX:
            self._failed.popitem(last=False)

    # -- what is known ------------------------------------------------------------------------------------------

    def _known(self, offering_id: str) -> _Known:
        """Return what is known of an offering now that it was asked for."""
        said = self._cache.get(offering_id)
        failed = self._failed.get(offering_id)
        now = self._clock()
        if said is not None:
            age_seconds = now - said.at_seconds
            if said.offering is None:
                if age_seconds < self._settings.unknown_seconds:
                    return _Known(None)
            elif age_seconds < self._settings.fresh_seconds:
                return _Known(said.offering)
            elif age_seconds < self._settings.fresh_seconds + self._settings.stale_seconds:
                return _Known(said.offering, stale_minutes=max(1, round(age_seconds / 60)))
        return _Known(None, why=failed[0] if failed is not None else "no answer in time")

    def _doubt(self, code: str, bundle: Bundle | None, ask: _Ask) -> Doubt | None:
        """Return what is doubtful about a bundle of the cart; None when the catalogue has answered."""
        if code not in ask.asked:
            return _unavailable(f"more than {self._settings.offerings_max} offerings would have to be read")
        followed = sorted(bundle.followed) if bundle is not None else [code]
        failed = next((ask.failed[each] for each in followed if each in ask.failed), None)
        if failed is not None:
            return _unavailable(failed)
        if bundle is None:
            return Doubt(
                "catalogue_unknown",
                "The catalogue has no such offering: the items beneath it are sent with the cart's own actions.",
            )
        if bundle.cut or bundle.unread:
            return _unavailable("it bundles further bundles, more than are followed")
        minutes = max((ask.stale[each] for each in followed if each in ask.stale), default=0)
        if minutes:
            return Doubt(
                "catalogue_stale",
                f"The catalogue does not answer; what it said {minutes} minutes ago of this bundle is used.",
            )
        return None


class _Known:
    """What is known of one offering: itself (None: there is no such offering), or why nothing is, or how old it is."""

    __slots__ = ("offering", "stale_minutes", "why")

    def __init__(self, offering: Offering | None, *, why: str | None = None, stale_minutes: int = 0) -> None:
        self.offering = offering
        self.why = why
        self.stale_minutes = stale_minutes


class _Ask:
    """What one checkout has asked for; never more than its share."""

    def __init__(self, offerings_max: int) -> None:
        self._left = offerings_max
        self.asked: set[str] = set()
        self.known: dict[str, Offering | None] = {}
        self.failed: dict[str, str] = {}
        self.stale: dict[str, int] = {}

    def take(self, offering_ids: Iterable[str]) -> list[str]:
        """Return what of it is to be asked for now, in a fixed order."""
        taken = sorted(set(offering_ids) - self.asked)[: self._left]
        self._left -= len(taken)
        self.asked.update(taken)
        return taken

    def learn(self, offering_ids: Iterable[str], answers: Mapping[str, _Known]) -> None:
        """Take over what became known."""
        for each in offering_ids:
            answer = answers[each]
            self.known[each] = answer.offering
            if answer.why is not None:
                self.failed[each] = answer.why
            elif answer.stale_minutes:
                self.stale[each] = answer.stale_minutes


def _unavailable(why: str) -> Doubt:
    return Doubt(
        "catalogue_unavailable",
        f"What is mandatory in this bundle could not be read from the catalogue ({why}): the items beneath it are sent with the "
        "cart's own actions.",
    )
