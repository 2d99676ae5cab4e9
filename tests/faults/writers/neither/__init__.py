"""The destination makes a record of every create and can't be asked."""
