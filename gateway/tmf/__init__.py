"""The TM Forum standards shared by every stage: JSON documents, patches, the query language, money, events. No I/O."""

from __future__ import annotations
