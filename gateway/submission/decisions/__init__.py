"""The decisions of a submission: pure functions from what is known to what is done and recorded next."""

from __future__ import annotations
