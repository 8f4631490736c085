"""`python -m picshapes_operator`."""

import sys

from picshapes_operator.main import main

sys.exit(main())
