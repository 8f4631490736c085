"""The custom resource definition, generated from the types in `resource.py`.

pydantic's JSON Schema is turned into the structural schema that Kubernetes demands
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema):
no `$ref`, no `anyOf` for optional fields, no titles. `generate.py` writes the result to `crds/`.
"""

from typing import Any, Final

from picshapes_crds import names
from picshapes_crds.phases import ALLOWED, Phase
from picshapes_crds.resource import GenerationJobSpec, GenerationJobStatus

MUTABLE_SPEC_FIELDS: Final = frozenset({"cancelRequested", "ttlSecondsAfterFinished"})
DEFAULTED_SPEC_FIELDS: Final = frozenset({"model", "tier"})
"""The only immutable fields with a default in the schema: they never change with the catalogue."""

_KEPT: Final = (
    *("type", "format", "description", "enum", "pattern"),
    *("minimum", "maximum", "minLength", "maxLength", "maxItems"),
)

SELECTABLE_FIELDS: Final = (".spec.model", ".spec.owner", ".status.phase", ".status.workerName")

# The newest condition stands first (patches.py), so index 0 is the one that says why the job is where it is.
COLUMNS: Final = (
    ("Phase", "string", ".status.phase", 0),
    ("Model", "string", ".spec.model", 0),
    ("Tier", "string", ".spec.tier", 0),
    ("Worker", "string", ".status.workerName", 0),
    ("Progress", "string", ".status.progress", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Reason", "string", ".status.conditions[0].reason", 1),
    ("Seed", "integer", ".status.seed", 1),
    ("Attempt", "integer", ".status.attempt", 1),
    ("Result", "string", ".status.resultURL", 1),
)


def structural(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Turn one pydantic JSON Schema node into a structural schema node."""
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        return structural({**target, **{k: v for k, v in node.items() if k != "$ref"}}, definitions)
    if "anyOf" in node:
        (only,) = (option for option in node["anyOf"] if option.get("type") != "null")
        return structural({**only, **{k: v for k, v in node.items() if k != "anyOf"}}, definitions)
    out: dict[str, Any] = {key: node[key] for key in _KEPT if key in node}
    if node.get("type") == "integer":
        out["format"] = "int64"
    if "properties" in node:
        out["properties"] = {k: structural(v, definitions) for k, v in node["properties"].items()}
        if node.get("required"):
            out["required"] = node["required"]
    if "items" in node:
        out["items"] = structural(node["items"], definitions)
    return out


def immutable(field: str) -> dict[str, str]:
    """Return the CEL rule, to stand at `spec`, by which a field is neither changed, added nor removed."""
    return {
        "rule": f"has(self.{field}) == has(oldSelf.{field})"
        f" && (!has(self.{field}) || self.{field} == oldSelf.{field})",
        "message": f"{field} can't be changed after creation: create another job",
        "fieldPath": f".{field}",
    }


def spec_schema() -> dict[str, Any]:
    """Return the schema of `spec` with its CEL rules."""
    source = GenerationJobSpec.model_json_schema(by_alias=True)
    spec = structural(source, source.get("$defs", {}))
    for field in DEFAULTED_SPEC_FIELDS:
        spec["properties"][field]["default"] = source["properties"][field]["default"]
    spec["properties"]["prompt"]["x-kubernetes-validations"] = [
        {"rule": "self.trim() != ''", "message": "prompt is blank: describe the picture to generate"}
    ]
    spec["x-kubernetes-validations"] = [
        *(immutable(field) for field in spec["properties"] if field not in MUTABLE_SPEC_FIELDS),
        {
            "rule": "!has(oldSelf.cancelRequested) || !oldSelf.cancelRequested"
            " || (has(self.cancelRequested) && self.cancelRequested)",
            "message": "a cancellation can't be taken back: create another job",
            "fieldPath": ".cancelRequested",
        },
    ]
    return spec


def status_schema() -> dict[str, Any]:
    """Return the schema of `status`; its default makes a new job Pending with no write."""
    source = GenerationJobStatus.model_json_schema(by_alias=True)
    status = structural(source, source.get("$defs", {}))
    status["properties"]["conditions"] |= {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    status["required"] = ["phase", "attempt"]
    status["default"] = {"phase": Phase.PENDING.value, "attempt": 0}
    status["properties"]["phase"]["default"] = Phase.PENDING.value
    status["properties"]["attempt"]["default"] = 0
    return status


def root_rules() -> list[dict[str, str]]:
    """Return the rules at the root of the schema.

    They stand here and not inside `status`, where a patch of `{"status": null}` would pass them by.
    """
    moves = " || ".join(
        f"(oldSelf.status.phase == '{old}' && self.status.phase in {sorted(str(p) for p in new)})"
        for old, new in ALLOWED.items()
        if new
    )
    return [
        {
            "rule": "!has(oldSelf.status) || (has(self.status)"
            f" && (self.status.phase == oldSelf.status.phase || {moves}))",
            "messageExpression": "'phase can\\'t go from ' + oldSelf.status.phase + ' to ' "
            "+ (has(self.status) ? self.status.phase : 'none')",
            "fieldPath": ".status.phase",
        },
        {
            "rule": "!has(oldSelf.status) || (has(self.status) && self.status.attempt >= oldSelf.status.attempt)",
            "message": "attempt never falls: it fences the writes of earlier attempts",
            "fieldPath": ".status.attempt",
        },
        {"rule": "size(self.metadata.name) <= 63", "message": "name must be at most 63 characters"},
    ]


def custom_resource_definition() -> dict[str, Any]:
    """Return the CRD as it is applied to a cluster."""
    root = {
        "description": "A picture to be generated from a prompt.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec_schema(),
            "status": status_schema(),
        },
        "x-kubernetes-validations": root_rules(),
    }
    columns = [
        {"name": name, "type": kind, "jsonPath": path, **({"priority": priority} if priority else {})}
        for name, kind, path, priority in COLUMNS
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.SINGULAR,
                "shortNames": list(names.SHORT_NAMES),
                "categories": list(names.CATEGORIES),
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": root},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "selectableFields": [{"jsonPath": path} for path in SELECTABLE_FIELDS],
                }
            ],
        },
    }
