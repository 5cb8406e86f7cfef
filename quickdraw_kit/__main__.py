"""`python -m quickdraw_kit` is `quickdraw-kit`."""

from quickdraw_kit.cli import main

if __name__ == "__main__":
    main()
