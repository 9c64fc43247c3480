"""``python -m deploy`` is the command ``nearcast``."""

from deploy.command_line import main

if __name__ == "__main__":
    main()
