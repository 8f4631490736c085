"""`python -m picshapes_api`."""

import sys

from picshapes_api.main import main

if __name__ == "__main__":
    sys.exit(main())
