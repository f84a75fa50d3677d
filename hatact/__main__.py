"""`python -m hatact` is `hatact`. Internal."""

from hatact.cli import main

if __name__ == "__main__":
    main()
