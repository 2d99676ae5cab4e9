"""The destination keeps our key unique and takes reversing rows."""
