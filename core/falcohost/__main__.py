"""``python -m falcohost`` is ``falcohost``."""

from falcohost.cli import main

if __name__ == "__main__":
    main()
