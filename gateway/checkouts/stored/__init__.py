"""The rows of checkouts: the checkout, its steps, its ids, findings and history, and whose are due."""
