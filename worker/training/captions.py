"""Writes a scene's caption in one of many phrasings.

A caption leaves out what goes without saying (medium, the default places and background), and only
that, so every caption means one scene. Unknown words may stand around it.
"""

from typing import Final

import numpy as np

from training.scenes import ANY_COLOUR, Scene, Shape, default_background, default_places
from training.vocabulary import COLOUR_WORDS, COLUMN_WORDS, ROW_WORDS, SHAPE_WORDS, SIZE_WORDS

_OPENINGS: Final = (
    *("a picture of", "an image of", "a drawing of", "a painting of", "an illustration of", "a photo of"),
    *("a simple drawing of", "a flat icon of", "a poster showing", "draw", "show me", "please draw", "there is"),
)
_BACKGROUNDS: Final = (
    *("on a {0} background", "on {0} background", "on a {0} canvas", "against a {0} background"),
    *("against a {0} backdrop", "over a {0} background", "with a {0} background", "on {0}", "in front of {0}"),
    *(", {0} background", ", the background is {0}", "on a plain {0} background"),
)
_BACKGROUNDS_FIRST: Final = (
    *("{0} background with", "a {0} background and", "on a {0} background,", "{0} background,"),
    *("a {0} canvas with", "against a {0} backdrop,"),
)
# None of these is in the vocabulary: they stand for all the words that the models don't know.
_STRANGE_WORDS: Final = (
    *("beautiful", "digital", "art", "sunset", "mountains", "cat", "forest", "castle", "watercolor", "style"),
    *("detailed", "4k", "cinematic", "lighting", "dragon", "portrait", "city", "river", "dreamy", "ancient"),
)
_JOINS: Final = (" and ", " and ", ", ", ", and ", " with ", "; ")
_EDGES: Final = (" side", " edge", "", "", "")


def caption(scene: Scene, random: np.random.Generator) -> str:
    """Write one caption of `scene`."""
    if not scene.shapes:
        text = _empty_caption(scene, random)
    else:
        said = _places_said(scene, random)
        body = _join([_phrase(shape, random, place_said=place_said) for shape, place_said in said], random)
        body = _with_background(scene, body, random)
        text = _strange(body, random)
    return _punctuated(text, random)


def _one_of(options: tuple[str, ...], random: np.random.Generator) -> str:
    return options[int(random.integers(len(options)))]


def _places_said(scene: Scene, random: np.random.Generator) -> list[tuple[Shape, bool]]:
    """Decide which places to say: all or none at the default places, else all but (perhaps) the centre."""
    shapes = scene.shapes
    if tuple(shape.place for shape in shapes) == default_places(len(shapes)):
        all_said = bool(random.random() < 0.4)  # noqa: PLR2004 - a share
        return [(shape, all_said) for shape in shapes]
    centre_said = bool(random.random() < 0.7)  # noqa: PLR2004 - a share
    return [(shape, centre_said or shape.place != ("center", "center")) for shape in shapes]


def _phrase(shape: Shape, random: np.random.Generator, *, place_said: bool) -> str:
    size_said = shape.size != "medium" or random.random() < 0.3  # noqa: PLR2004 - a share
    size = f"{_one_of(SIZE_WORDS[shape.size], random)} " if size_said else ""
    colour = "" if shape.colour == ANY_COLOUR else f"{_one_of(COLOUR_WORDS[shape.colour], random)} "
    adjectives = f"{size}{colour}" if random.random() < 0.95 else f"{colour}{size}"  # noqa: PLR2004 - a share
    noun = f"{adjectives}{_one_of(SHAPE_WORDS[shape.kind], random)}"
    article = _one_of(("a", "a", "a", "the", ""), random)
    if article == "a" and noun[0] in "aeiou":
        article = "an"
    noun = f"{article} {noun}".strip()
    if not place_said:
        return noun
    place = _place(shape, random)
    form = random.random()
    if form < 0.7:  # noqa: PLR2004 - a share
        return f"{noun} {place}"
    if form < 0.8:  # noqa: PLR2004 - a share
        return f"{place} is {noun}"
    if form < 0.9:  # noqa: PLR2004 - a share
        return f"{place} there is {noun}"
    return f"{noun} placed {place}"


def _place(shape: Shape, random: np.random.Generator) -> str:
    column, row = _one_of(COLUMN_WORDS[shape.column], random), _one_of(ROW_WORDS[shape.row], random)
    if shape.place == ("center", "center"):
        return f"{_one_of(('in the', 'at the'), random)} {column}"
    if shape.row == "center":
        return f"{_one_of(('on the', 'at the', 'to the', 'in the middle', 'center'), random)} {column}" + (
            _one_of(_EDGES, random)
        )
    if shape.column == "center":
        if row in {"upper", "lower"}:
            return f"in the {row} {_one_of(('part', 'half'), random)}"
        return f"{_one_of(('at the', 'on the', 'at the', f'in the {column}'), random)} {row}" + (
            _one_of(_EDGES, random)
        )
    return f"{_one_of(('in the', 'at the', 'on the', ''), random)} {row} {column}".strip() + (
        _one_of((" corner", " corner", "", ""), random)
    )


def _join(phrases: list[str], random: np.random.Generator) -> str:
    text = phrases[0]
    for phrase in phrases[1:]:
        text += _one_of(_JOINS, random) + phrase
    return text


def _with_background(scene: Scene, body: str, random: np.random.Generator) -> str:
    opening = f"{_one_of(_OPENINGS, random)} " if random.random() < 0.35 else ""  # noqa: PLR2004 - a share
    silent = 0.7
    if scene.background == default_background(scene.shapes) and random.random() < silent:
        return opening + body
    colour = _one_of(COLOUR_WORDS[scene.background], random)
    if random.random() < 0.25:  # noqa: PLR2004 - a share
        return f"{_one_of(_BACKGROUNDS_FIRST, random).format(colour)} {body}"
    return f"{opening}{body} {_one_of(_BACKGROUNDS, random).format(colour)}"


def _strange(body: str, random: np.random.Generator) -> str:
    """Put words around the caption, or among it, that mean nothing to the models."""
    if random.random() < 0.8:  # noqa: PLR2004 - a share
        return body
    strange = " ".join(_one_of(_STRANGE_WORDS, random) for _ in range(int(random.integers(1, 4))))
    form = random.random()
    if form < 0.5:  # noqa: PLR2004 - a share
        return f"{body}, {strange}"
    if form < 0.75:  # noqa: PLR2004 - a share
        return f"{strange}, {body}"
    words = body.split(" ")
    words.insert(int(random.integers(len(words) + 1)), strange.split(" ")[0])
    return " ".join(words)


def _empty_caption(scene: Scene, random: np.random.Generator) -> str:
    """Write a caption that names no shape: strange words, and the background's colour if it isn't the default."""
    fillers = ("a", "the", "of", "with", "in", "over", "and", ",", "painting", "picture", "photo", "at", "on")
    words = [
        _one_of(_STRANGE_WORDS if random.random() < 0.6 else fillers, random)  # noqa: PLR2004 - a share
        for _ in range(int(random.integers(0, 12)))
    ]
    if scene.background != default_background(()) or random.random() < 0.3:  # noqa: PLR2004 - a share
        colour = _one_of(COLOUR_WORDS[scene.background], random)
        form = _one_of(("{0}", "{0} background", "a {0} canvas", "plain {0}", "everything {0}"), random)
        words.insert(int(random.integers(len(words) + 1)), form.format(colour))
    return " ".join(words)


def _punctuated(text: str, random: np.random.Generator) -> str:
    text = text.replace(" ,", ",").replace(",,", ",")
    if random.random() < 0.2:  # noqa: PLR2004 - a share
        text += "."
    return text[:1].upper() + text[1:] if random.random() < 0.3 else text  # noqa: PLR2004 - a share
