"""Pictures for people: each function takes plain values and gives something rich can print. Nothing here reads anything."""
