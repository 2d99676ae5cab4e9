"""A small real destination on loopback, in three tempers: with a key, with a look-up only, with neither."""
