"""A destination whose batches are taken whole or not at all."""
