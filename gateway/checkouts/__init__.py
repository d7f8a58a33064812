"""The checkout: the durable hand-over of one cart to one order, and the correlation between the two worlds."""

from __future__ import annotations
