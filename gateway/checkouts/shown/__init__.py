"""What a checkout shows of itself: where it is and why, what may be asked of it now. Pure."""
