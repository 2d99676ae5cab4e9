"""The destination takes our key and ignores it; it can be searched."""
