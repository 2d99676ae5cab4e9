"""The vendors' side of the street: a consulting firm and the systems it uses, on loopback. Shares no code with the product."""
