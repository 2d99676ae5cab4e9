"""The destination keeps our key unique: the same create twice is one record."""
