"""``python -m socratasync`` is the command ``socratasync``."""

from socratasync.cli.main import main

if __name__ == "__main__":
    main()
