"""All values of the chart, in the order of values.yaml."""

from typing import Annotated, Any, Literal

from pydantic import Field

from chart_source.cluster import (
    Catalogue,
    Crds,
    Metrics,
    NetworkPolicy,
    PriorityClasses,
    Rbac,
    Test,
)
from chart_source.parts import Admin, Api, Database, Operator, Redis, Storage
from chart_source.pools import Pool, Workers
from chart_source.sections import Image, Namespace, Section


class Images(Section):
    """The images and where they come from."""

    registry: str = Field("localhost", description="Registry of all images, with a path if it has one.")
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = Field(
        "IfNotPresent", description="When nodes pull images."
    )
    control: Image = Field(
        default_factory=lambda: Image(repository="picshapes-control"),
        description="The API, the operator and the command line.",
    )
    worker: Image = Field(
        default_factory=lambda: Image(repository="picshapes-worker"), description="Workers without a GPU."
    )
    worker_cuda: Image = Field(
        default_factory=lambda: Image(repository="picshapes-worker-cuda"), description="Workers with a GPU."
    )
    store: Image = Field(
        default_factory=lambda: Image(repository="picshapes-store"), description="The bundled S3 server."
    )


def _demo_pool() -> list[Pool]:
    return [Pool(name="demo")]


class Values(Section):
    """Values of the chart picshapes."""

    name_override: Annotated[str, Field(max_length=40)] = Field("", description="In place of the chart's name.")
    fullname_override: Annotated[str, Field(max_length=40)] = Field(
        "", description="In place of the release's name, with which names of objects begin."
    )
    image: Images = Field(default_factory=Images, description="The images and where they come from.")
    image_pull_secrets: list[dict[str, str]] = Field(
        default_factory=list, description="Secrets for the registry, as `- name: …`."
    )
    job_namespaces: list[Namespace] = Field(
        default_factory=list,
        max_length=100,
        description="Namespaces besides the release's whose GenerationJobs its workers run, too. They must exist, "
        "and no other release may look after them; 100 at most.",
    )
    catalogue: Catalogue = Field(default_factory=Catalogue, description="Models and tiers.")
    admin: Admin = Field(default_factory=Admin, description="The first administrator.")
    api: Api = Field(default_factory=Api, description="The HTTP API.")
    operator: Operator = Field(default_factory=Operator, description="The operator, which schedules jobs.")
    worker: Workers = Field(
        default_factory=Workers, description="What all pools of workers have unless they say otherwise."
    )
    worker_pools: list[Pool] = Field(
        default_factory=_demo_pool,
        description="The pools of workers: each has a `name`, and any of the values of `worker`.",
    )
    storage: Storage = Field(default_factory=Storage, description="Where pictures are kept.")
    database: Database = Field(default_factory=Database, description="Users, credits and the history of jobs.")
    redis: Redis = Field(default_factory=Redis, description="Rate limits that several API processes share.")
    crds: Crds = Field(default_factory=Crds, description="The resource's definition.")
    rbac: Rbac = Field(default_factory=Rbac, description="Roles for people.")
    priority_classes: PriorityClasses = Field(
        default_factory=PriorityClasses, description="PriorityClasses, which belong to the whole cluster."
    )
    network_policy: NetworkPolicy = Field(default_factory=NetworkPolicy, description="Who may talk to whom.")
    metrics: Metrics = Field(default_factory=Metrics, description="Monitoring with Prometheus and Grafana.")
    test: Test = Field(default_factory=Test, description="`helm test`, which draws a picture.")
    global_: dict[str, Any] = Field(
        default_factory=dict,
        alias="global",
        description="Values of a chart that has this one as a part; not used.",
    )
