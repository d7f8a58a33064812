"""What readers ask for: one checkout with its steps and history, or a list of those they look for."""
