"""What a point is: the measures at it, its label and its kind."""
