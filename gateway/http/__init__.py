"""The edge: bodies, headers and answers, the same for every stage."""

from __future__ import annotations
