"""A hundred records a request."""
