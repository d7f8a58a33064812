"""`gateway demo`: a sandbox, a gateway, and one cart through the whole flow over HTTP."""

from __future__ import annotations
