"""An order system that follows TMF622 plainly, in v4 and in v5."""

from __future__ import annotations
