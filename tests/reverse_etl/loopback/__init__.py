"""A small real destination on loopback, in several tempers: with a key, with a look-up only, with neither; and taking back or not."""
