"""Measuring an order system, and judging what was seen: what the mapping relies on is not believed but looked at."""
