"""The query language of TMF630: parsed, matched, as SQL, paged, sorted, projected."""

from __future__ import annotations
