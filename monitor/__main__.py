"""``python -m monitor``."""

from monitor.cli import main

# Worker processes import this module again under another name; they are not to run a command.
if __name__ == "__main__":
    main()
