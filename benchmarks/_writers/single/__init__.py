"""One request per record."""
