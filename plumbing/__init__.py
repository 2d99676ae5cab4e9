"""What runs behind the walls of every room: settings, HTTP, sign-in, warehouse, clock, log. Knows no business word."""
