"""`python -m hatact` is `hatact`."""

from hatact.cli import main

if __name__ == "__main__":
    main()
