"""A destination that takes the good rows of a batch and says which are bad."""
