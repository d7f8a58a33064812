"""What TMF622 v5 calls otherwise than v4."""

from __future__ import annotations
