"""What the order system shows: read, and compared with what was sent."""

from __future__ import annotations
