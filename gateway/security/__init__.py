"""Who calls, and what they may see."""

from __future__ import annotations
