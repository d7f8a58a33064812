"""A checkout as the product order that it is: TMF622 v4 and v5, of a cart or of an order that came ready. Pure, but for events."""
