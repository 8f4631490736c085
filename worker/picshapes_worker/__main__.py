"""`python -m picshapes_worker`."""

import sys

from picshapes_worker.main import main

sys.exit(main())
