"""Structured logs, the same in every part: one JSON object a line, or readable text on a terminal."""

import io
import logging
import sys
import textwrap
from typing import Any, Final, Literal, TextIO

import structlog

Format = Literal["json", "text"]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_TRACEBACKS: Final = ("exception", "stack", "exc_info", "stack_info")
"""Fields of several lines."""


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
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            _on_one_line,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_plain_traceback),
        ]
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


def printable(text: str, *, kept: str = "") -> str:
    """Return a text whose control characters, line breaks and marks of direction are spelled out.

    What a prompt or a path carries then neither begins a line of its own nor moves a terminal's cursor. `kept` are
    characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in kept else _spelled_out(one) for one in text)


def _spelled_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _on_one_line(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: value if key in _TRACEBACKS else _made_printable(value) for key, value in event.items()}


def _made_printable(value: Any) -> Any:
    """Spell out what a text holds; of other values the `repr` is shown, which does so itself."""
    return printable(value) if isinstance(value, str) else value


def _plain_traceback(out: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """Write a traceback in lines that are all set back: none of an error's own words can pass for an event."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write(textwrap.indent(printable(text.getvalue(), kept="\n"), "    "))
