"""What is kept: the rows that are the truth, and the files beside them."""
