"""What operators see of subscriptions and do with them: how far each is, sending again, a test event."""

from __future__ import annotations
