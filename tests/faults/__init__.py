"""The harness: destinations that count truly, a street of them behind the fault proxy, runs, kills and histories."""
