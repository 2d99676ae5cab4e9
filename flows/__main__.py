"""`python -m flows` is `hourline`."""

from flows.cli import main

if __name__ == "__main__":
    main()
