"""Entry point: `python -m picshapes_worker`. Reads the settings, then hands over to `process`."""

import asyncio
import sys
from typing import TextIO

import structlog
import uvloop
from kubernetes.aio.config import ConfigException

from picshapes_crds import logs
from picshapes_crds.catalogue import Catalogue, InvalidCatalogueError
from picshapes_crds.cluster import ClusterError
from picshapes_worker.engine import EngineError
from picshapes_worker.lease import LeaseLostError
from picshapes_worker.process import run_worker
from picshapes_worker.settings import InvalidSettingsError, Settings
from picshapes_worker.startup import StartupError, chosen_models
from picshapes_worker.store import InvalidStorageUrlError, PictureStore

EXIT_FAILED = 1
EXIT_WRONG_SETTINGS = 2

log = structlog.get_logger(__name__)


def main(errors: TextIO = sys.stderr) -> int:
    """Run the worker until it is told to stop; return the exit code."""
    try:
        settings = Settings.from_environment()
        catalogue = Catalogue.load(settings.catalogue)
        models = chosen_models(settings.models, catalogue)
        store = PictureStore(settings.storage_url)
    except (InvalidSettingsError, InvalidCatalogueError, InvalidStorageUrlError, StartupError) as error:
        errors.write(f"picshapes_worker: {error}\n")
        return EXIT_WRONG_SETTINGS
    logs.configure("worker", form=settings.log_format, level=settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_worker(settings, catalogue, models, store))
    except ConfigException as error:
        errors.write(f"picshapes_worker: can't find the API server: {error}\n")
        return EXIT_WRONG_SETTINGS
    except (ClusterError, EngineError, LeaseLostError, StartupError) as error:
        log.error("worker.failed", code=error.code, error=str(error))  # noqa: TRY400 - the message says it all
        return EXIT_FAILED
    return 0
