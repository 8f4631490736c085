"""The values of the API, the operator, the object store and the databases."""

from typing import Annotated, Literal

from pydantic import Field

from chart_source.sections import (
    Labels,
    LogLevel,
    Manifest,
    Manifests,
    Persistence,
    Placement,
    Port,
    SecretKey,
    Section,
    resources,
)


class Service(Section):
    """The API's Service."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field("ClusterIP", description="Type of the Service.")
    port: Port = Field(80, description="Port of the Service.")
    annotations: Labels = Field(default_factory=dict, description="Annotations of the Service.")


class Ingress(Section):
    """An Ingress to the API."""

    enabled: bool = Field(default=False, description="Make an Ingress.")
    class_name: str = Field("", description="Its IngressClass; empty: the cluster's default.")
    host: str = Field("", description="Host name of the API.")
    tls_secret: str = Field("", description="Secret with the certificate; empty: no TLS.")
    annotations: Labels = Field(default_factory=dict, description="Annotations of the Ingress.")


class HttpRoute(Section):
    """A route of the Gateway API to the API."""

    enabled: bool = Field(default=False, description="Make an HTTPRoute; the Gateway API must be installed.")
    parent_refs: Manifests = Field(default_factory=list, description="The Gateways that it belongs to.")
    hostnames: list[str] = Field(default_factory=list, description="Host names of the API.")
    annotations: Labels = Field(default_factory=dict, description="Annotations of the HTTPRoute.")


class Admin(Section):
    """The first administrator."""

    email: str = Field("admin@localhost.localdomain", description="Address of the first administrator.")
    existing_secret: str = Field(
        "",
        description="A Secret with the key `api-key`, and `email` if wanted; empty: the chart makes one, and the "
        "API fills it once at its first start.",
    )


class Api(Placement):
    """The HTTP API."""

    replicas: Annotated[int, Field(ge=1)] = Field(
        1, description="API processes; more than one needs PostgreSQL (`database`) and Redis (`redis`)."
    )
    public_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "", description="Where users reach the API, for the addresses of pictures; empty: what each request names."
    )
    trusted_proxies: list[str] = Field(
        default_factory=list, description="Networks of proxies whose forwarded headers are believed."
    )
    allowed_namespaces: list[str] = Field(
        default_factory=list, description="Namespaces that may connect to the API; empty: everybody may."
    )
    max_unfinished: Annotated[int, Field(ge=1)] = Field(
        20_000, description="Jobs that may be unfinished in the cluster; more wait in the database."
    )
    max_unfinished_per_user: Annotated[int, Field(ge=1)] = Field(
        10_000, description="Jobs of one user that may be unfinished."
    )
    log_level: LogLevel = Field("INFO", description="How much the API logs.")
    service: Service = Field(default_factory=Service, description="The Service.")
    ingress: Ingress = Field(default_factory=Ingress, description="An Ingress.")
    http_route: HttpRoute = Field(default_factory=HttpRoute, description="A route of the Gateway API.")
    service_account_annotations: Labels = Field(
        default_factory=dict, description="Annotations of its ServiceAccount, such as a cloud identity."
    )
    resources: Manifest = Field(
        default_factory=lambda: resources("100m", "256Mi", "1Gi"), description="Processor and memory."
    )


class Operator(Placement):
    """The operator, which schedules jobs onto workers."""

    replicas: Annotated[int, Field(ge=1)] = Field(
        1, description="Operator processes; one leads, and another takes over within 15 s."
    )
    pool_drain_seconds: Annotated[int, Field(ge=1)] = Field(
        60, description="Seconds in which a pool is to get through its jobs: decides how many workers it wants."
    )
    watch_nodes: bool = Field(
        default=True,
        description="Give workers on cordoned nodes no new jobs; takes a ClusterRole to list and watch nodes.",
    )
    log_level: LogLevel = Field("INFO", description="How much the operator logs.")
    resources: Manifest = Field(
        default_factory=lambda: resources("100m", "256Mi", "1Gi"), description="Processor and memory."
    )


class Database(Section):
    """Users, credits and the history of jobs: SQLite on a volume, or PostgreSQL."""

    existing_secret: SecretKey = Field(
        default_factory=SecretKey,
        description="Secret with the URL of a PostgreSQL database, `postgres://user:password@host:port/name`.",
    )
    sqlite: Persistence = Field(
        default_factory=lambda: Persistence(size="2Gi"),
        description="The volume of SQLite, used without PostgreSQL.",
    )


class Redis(Section):
    """Rate limits that several API processes share."""

    existing_secret: SecretKey = Field(
        default_factory=SecretKey, description="Secret with the URL of a Redis, `redis://:password@host:port/0`."
    )


class BundledStore(Placement):
    """The S3 server that the chart brings, for clusters without one."""

    persistence: Persistence = Field(
        default_factory=lambda: Persistence(size="20Gi"), description="The volume of the pictures."
    )
    log_level: Literal["silent", "debug"] = Field("silent", description="How much the store logs.")
    resources: Manifest = Field(
        default_factory=lambda: resources("50m", "64Mi", "512Mi"), description="Processor and memory."
    )


class Storage(Section):
    """Where pictures are kept."""

    type: Literal["bundled", "external"] = Field(
        "bundled", description="`bundled`: an S3 server of the chart's; `external`: the store that `url` names."
    )
    url: Annotated[str, Field(pattern=r"^((s3|gs|az)://\S+)?$")] = Field(
        "", description="The external store: `s3://bucket/prefix`, `gs://bucket` or `az://container`."
    )
    existing_secret: str = Field(
        "",
        description="Secret whose keys are the variables of the store's credentials (`AWS_ACCESS_KEY_ID`, "
        "`AWS_SECRET_ACCESS_KEY`; `GOOGLE_SERVICE_ACCOUNT_KEY`; `AZURE_STORAGE_ACCOUNT_NAME`, …); empty: the "
        "ServiceAccounts' own cloud identity.",
    )
    endpoint: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "", description="Address of an S3 server that isn't Amazon's."
    )
    region: str = Field("us-east-1", description="Region of an S3 store.")
    public_endpoint: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "", description="Where users reach the store: then pictures are redirected to, not streamed by the API."
    )
    retention_days: Annotated[int, Field(ge=0, le=36_500)] = Field(
        0, description="Pictures older than this are removed; 0: kept for ever."
    )
    job_retention_days: Annotated[int, Field(ge=0, le=36_500)] = Field(
        0, description="Jobs that ended longer ago are forgotten, never before their pictures; 0: kept for ever."
    )
    bundled: BundledStore = Field(default_factory=BundledStore, description="The bundled store.")
