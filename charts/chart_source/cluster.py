"""The values of what surrounds the parts: roles, definitions, networks, monitoring."""

from typing import Annotated, Literal

from pydantic import Field

from chart_source.sections import Cidr, Labels, Manifest, Manifests, Port, Section, resources


class Crds(Section):
    """The resource's definition and the admission policies that hold for all installations of a cluster."""

    enabled: bool = Field(
        default=True,
        description="Install and upgrade them with this release; false: another release of the cluster does. "
        "They stay when the release is uninstalled.",
    )


class Rbac(Section):
    """Roles for people."""

    aggregate: bool = Field(
        default=True, description="Let the cluster's roles `view`, `edit` and `admin` see and make GenerationJobs."
    )


class PriorityClass(Section):
    """A PriorityClass of the chart's."""

    create: bool = Field(default=False, description="Make it and use it where no other is named.")
    value: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)] = Field(
        0, description="Its priority: a pod of a higher one may take the place of a lower one."
    )


class PriorityClasses(Section):
    """PriorityClasses, which belong to the whole cluster."""

    control: PriorityClass = Field(
        default_factory=lambda: PriorityClass(value=100_000), description="Of the API, the operator and the store."
    )
    worker: PriorityClass = Field(default_factory=PriorityClass, description="Of the workers.")


class NetworkPolicy(Section):
    """Who may talk to whom: all that isn't named is refused, if the cluster's network enforces policies."""

    enabled: bool = Field(default=True, description="Make NetworkPolicies for all pods of the release.")
    api_server_cidrs: list[Cidr] = Field(
        default_factory=list,
        alias="apiServerCIDRs",
        description="Where the Kubernetes API server is; empty: anywhere but at the cloud's metadata address.",
    )
    api_server_ports: list[Port] = Field(
        default_factory=lambda: [443, 6443, 8443, 16443], description="Its ports, as pods reach them."
    )
    dns_cidrs: list[Cidr] = Field(
        default_factory=list,
        alias="dnsCIDRs",
        description="Name servers besides the pods labelled `k8s-app: kube-dns`, such as NodeLocal DNSCache.",
    )
    storage_cidrs: list[Cidr] = Field(
        default_factory=list,
        alias="storageCIDRs",
        description="Where an external store is; empty: anywhere but at the cloud's metadata address.",
    )
    storage_ports: list[Port] = Field(default_factory=lambda: [443], description="Its ports.")
    database_cidrs: list[Cidr] = Field(
        default_factory=list, alias="databaseCIDRs", description="Where PostgreSQL and Redis are; empty: anywhere."
    )
    database_ports: list[Port] = Field(default_factory=lambda: [5432, 6379], description="Their ports.")
    hub_cidrs: list[Cidr] = Field(
        default_factory=list,
        alias="hubCIDRs",
        description="Where workers with ephemeral weights pull them from, on port 443; empty: anywhere.",
    )
    extra_api_egress: Manifests = Field(default_factory=list, description="Further egress rules of the API.")
    extra_worker_egress: Manifests = Field(
        default_factory=list, description="Further egress rules of the workers."
    )


class Monitor(Section):
    """Objects of the Prometheus operator that make it scrape."""

    enabled: bool = Field(default=False, description="Make a ServiceMonitor and PodMonitors.")
    labels: Labels = Field(default_factory=dict, description="Their labels, by which Prometheus selects them.")
    interval: Annotated[str, Field(pattern=r"^[0-9]+(s|m)$")] = Field("30s", description="How often it scrapes.")


class Rules(Section):
    """Alerts."""

    enabled: bool = Field(default=False, description="Make a PrometheusRule.")
    labels: Labels = Field(default_factory=dict, description="Its labels, by which Prometheus selects it.")
    waiting_seconds: Annotated[int, Field(ge=1)] = Field(
        600, description="A job that waits longer than this raises an alert."
    )


class Dashboard(Section):
    """A Grafana dashboard in a ConfigMap."""

    enabled: bool = Field(default=False, description="Make the ConfigMap.")
    labels: Labels = Field(
        default_factory=lambda: {"grafana_dashboard": "1"}, description="Its labels, by which Grafana finds it."
    )


class Metrics(Section):
    """Monitoring with Prometheus and Grafana."""

    namespace: str = Field("", description="The namespace that may scrape; empty: any may.")
    monitor: Monitor = Field(default_factory=Monitor, description="What Prometheus scrapes.")
    rules: Rules = Field(default_factory=Rules, description="Alerts.")
    dashboard: Dashboard = Field(default_factory=Dashboard, description="A Grafana dashboard.")


class Test(Section):
    """`helm test`, which draws a picture."""

    prompt: str = Field("a red circle on a white background", description="What it draws.")
    timeout_seconds: Annotated[int, Field(ge=1)] = Field(540, description="How long that may take.")
    resources: Manifest = Field(
        default_factory=lambda: resources("50m", "128Mi", "512Mi"), description="Processor and memory."
    )


class Catalogue(Section):
    """Models and tiers."""

    name: Literal["demo", "real", "custom"] = Field(
        "demo",
        description="`demo`: the tiny weights in the image, which draw simple shapes; `real`: the public weights; "
        "`custom`: what `custom` says.",
    )
    custom: str = Field("", description="A catalogue as YAML text, as docs/platform.md shows.")
