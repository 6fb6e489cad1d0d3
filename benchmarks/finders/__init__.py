"""Success and cost of the finders, against the public research code."""
