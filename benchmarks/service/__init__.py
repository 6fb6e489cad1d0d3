"""What requests cost, and how fast a deployment answers, on real processes."""
