"""The catalogue: models, tiers and their figures, read from one YAML file by all three parts.

A model is added by an entry in that file, with no code. Two catalogues are packaged: `real` names the public
weights, `demo` points the same two model ids at the tiny weights that PicShapes carries.
"""

import hashlib
import math
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MIB_PER_GIB: Final = 1024
_SLIPS_OF_YAML: Final = (ValueError, LookupError, AttributeError, RecursionError)
"""What PyYAML lets through from scalars that are not what their tag says (a 13th month), and from deep nesting."""

Positive = Annotated[int, Field(ge=1)]
ModelId = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]


class InvalidCatalogueError(ValueError):
    """The catalogue file can't be read or contradicts itself; the message names the fields."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tier(_Entry):
    """A quality tier: what a user pays for."""

    name: str
    description: str
    credits: Annotated[int, Field(ge=0)]


class Weights(_Entry):
    """Where a model's weights come from: a hub repository, a folder, or a folder within a Python package."""

    repo: str | None = None
    revision: str | None = None
    path: str | None = None
    package: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.repo is None) == (self.path is None):
            raise ValueError("give either repo (with revision) or path (with package when it lies in one)")
        if self.repo is not None and self.revision is None:
            raise ValueError(f"repo {self.repo} needs a pinned revision")
        return self

    @cached_property
    def revision_id(self) -> str:
        """What a worker's weights label says: 12 hexadecimal digits of the source's hash."""
        source = "\n".join(f"{k}={v}" for k, v in sorted(self.model_dump(exclude_none=True).items()))
        return hashlib.sha256(source.encode()).hexdigest()[:12]


class Vram(_Entry):
    """Device memory that a job needs, in MiB: a base, and activations that grow with the picture."""

    base_mib: Positive
    per_megapixel_mib: Annotated[int, Field(ge=0)]
    reserve_mib: Annotated[int, Field(ge=0)]
    source: Literal["measured", "computed"]

    def need_mib(self, width: int, height: int, *, guided: bool) -> int:
        """Return the need of a picture of this many pixels; guidance runs two prompts at once."""
        megapixels = width * height / 1e6 * (2 if guided else 1)
        return self.base_mib + math.ceil(self.per_megapixel_mib * megapixels) + self.reserve_mib


class Model(_Entry):
    """One model: how it is run and what it may be asked for."""

    name: str
    description: str
    pipeline: Literal["FluxPipeline", "ZImagePipeline"]
    weights: Weights
    dtype: Literal["bfloat16", "float16", "float32"]
    steps: Positive
    guidance_scale: Annotated[float, Field(ge=0)]
    """Guidance without a negative prompt."""
    negative_guidance_scale: Annotated[float, Field(gt=1)]
    """Guidance with a negative prompt, which has an effect only above 1."""
    max_sequence_length: Positive
    """Tokens of the prompt that the text encoder reads."""
    grid_px: Positive
    """Both sides generated are multiples of this; the picture is cropped to the size asked for."""
    max_side_px: dict[str, Positive]
    """The largest width and height, for each tier; also the tier's default."""
    vram: Vram

    def need_mib(self, width: int, height: int, *, negative: bool) -> int:
        """Return the device memory, in MiB, that a picture needs at the size generated on the grid."""
        up = self.grid_px
        return self.vram.need_mib(-(-width // up) * up, -(-height // up) * up, guided=negative)


class Catalogue(_Entry):
    """All models and tiers, and the defaults."""

    profile: Literal["demo", "real"]
    default_model: ModelId
    default_tier: str
    tiers: dict[str, Tier]
    models: dict[ModelId, Model]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.default_model not in self.models:
            raise ValueError(f"default_model {self.default_model} is not among models")
        if self.default_tier not in self.tiers:
            raise ValueError(f"default_tier {self.default_tier} is not among tiers")
        for model_id, model in self.models.items():
            if set(model.max_side_px) != set(self.tiers):
                raise ValueError(f"models.{model_id}.max_side_px needs exactly the tiers {sorted(self.tiers)}")
        return self

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a catalogue from YAML; raises `InvalidCatalogueError` with what is wrong and where."""
        try:
            content = yaml.safe_load(text)
        except (yaml.YAMLError, *_SLIPS_OF_YAML) as error:
            raise InvalidCatalogueError(f"the catalogue is not YAML: {error}") from error
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']) or 'catalogue'}: {fault['msg']}"
                for fault in error.errors()
            )
            raise InvalidCatalogueError(f"the catalogue is invalid: {faults}") from error

    @classmethod
    def load(cls, source: str) -> Self:
        """Load a packaged catalogue by name (`demo`, `real`) or any other from its file.

        Raises `InvalidCatalogueError` when the file is missing or wrong.
        """
        if source in ("demo", "real"):
            return cls.parse(packaged(source))
        try:
            text = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidCatalogueError(f"can't read the catalogue {source}: {error.strerror}") from error
        except ValueError as error:  # not UTF-8, or no path at all
            raise InvalidCatalogueError(f"can't read the catalogue {source!r}: {error}") from error
        return cls.parse(text)


def packaged(name: str) -> str:
    """Return the text of a packaged catalogue."""
    return resources.files("picshapes_crds").joinpath("catalogues", f"{name}.yaml").read_text(encoding="utf-8")
