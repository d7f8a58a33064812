"""From cart to order: pure functions from documents to documents, steps and findings. No I/O, clock or randomness."""

from __future__ import annotations
