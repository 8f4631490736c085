"""`python -m picshapes_worker`."""

import logging
import os

from picshapes_worker.main import main

status = main()
logging.shutdown()
# Not `sys.exit`: a native call in the engine's thread can't be stopped, and the interpreter's own end would wait
# for it or crash in it. Nothing is left to be done: `main` has closed all that it opened.
os._exit(status)
