"""A mapping judged as a whole: what contradicts itself, or could not be sent."""

from __future__ import annotations
