"""The words that the demo models know.

One table for everyone: the captions are written with it, the tokenizers are built from it, and the
evaluator names what it sees with it. A word outside of it is unknown, and unknown words change nothing.
"""

from typing import Final

# Each name with the words that mean it, the usual one first.
COLOUR_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "red": ("red",),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green",),
    "blue": ("blue",),
    "purple": ("purple", "violet"),
    "pink": ("pink",),
    "brown": ("brown",),
    "black": ("black",),
    "white": ("white",),
    "gray": ("gray", "grey"),
}
SHAPE_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "circle": ("circle", "disc", "ball"),
    "square": ("square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "heart": ("heart",),
    "cross": ("cross", "plus"),
}
SIZE_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "small": ("small", "tiny", "little"),
    "medium": ("medium",),
    "large": ("large", "big", "huge"),
}
COLUMN_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "left": ("left",),
    "center": ("center", "centre", "middle"),
    "right": ("right",),
}
ROW_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "top": ("top", "upper"),
    "center": ("center", "centre", "middle"),
    "bottom": ("bottom", "lower"),
}

_FILLER_WORDS: Final = (
    "a",
    "an",
    "the",
    "of",
    "on",
    "in",
    "at",
    "with",
    "and",
    "is",
    "there",
    "it",
    "to",
    "side",
    "corner",
    "part",
    "half",
    "edge",
    "background",
    "backdrop",
    "canvas",
    "picture",
    "image",
    "drawing",
    "illustration",
    "painting",
    "photo",
    "poster",
    "icon",
    "shape",
    "simple",
    "flat",
    "plain",
    "clean",
    "draw",
    "show",
    "shows",
    "showing",
    "drawn",
    "placed",
    "sits",
    "stands",
    "against",
    "over",
    "behind",
    "near",
    "big",
    "bright",
    "everything",
    "please",
    "me",
    ",",
    ".",
    ":",
    ";",
    "-",
    "!",
)

UNKNOWN: Final = "<unk>"
PAD: Final = "<pad>"
BEGIN: Final = "<s>"
END: Final = "</s>"
# Added to every text by the tokenizers. The text encoders write what they read into these places: what
# the background is, and what the first, second and third shape are.
SLOTS: Final = ("<background>", "<first>", "<second>", "<third>")
SPECIAL_WORDS: Final = (PAD, UNKNOWN, BEGIN, END, *SLOTS)


def all_words() -> list[str]:
    """List the vocabulary in its fixed order: special words first, each word once."""
    named = [
        word
        for table in (COLOUR_WORDS, SHAPE_WORDS, SIZE_WORDS, COLUMN_WORDS, ROW_WORDS)
        for words in table.values()
        for word in words
    ]
    return list(dict.fromkeys([*SPECIAL_WORDS, *named, *_FILLER_WORDS]))
