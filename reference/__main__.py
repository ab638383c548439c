"""`python -m reference` is `arangod-ref`."""

import sys

from reference.command import main

if __name__ == "__main__":
    sys.exit(main())
