"""From any id to everything around it, and what happened to a checkout."""
