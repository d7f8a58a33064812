"""What is done to a checkout after it was accepted: submitted, cancelled, its draft changed, found live, let go."""
