"""The destination has no place for a key; it can be searched by our mark."""
