"""``python -m pixelrelay`` is the command line."""

from pixelrelay.cli import main

if __name__ == "__main__":
    main()
