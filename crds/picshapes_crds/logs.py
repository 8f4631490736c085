"""Structured logs, the same in every part: one JSON object a line, or readable text on a terminal."""

import logging
import sys
from typing import Literal

import structlog

Format = Literal["json", "text"]


def configure(part: str, *, form: Format = "json", level: str = "INFO") -> None:
    """Send the logs of structlog and of the standard library to standard error, each line naming its part."""

    def name_part(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"part": part, **event}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_part,
    ]
    # Never with local variables, where keys and prompts are.
    tracebacks, plain = (
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False),
        structlog.dev.plain_traceback,
    )
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
