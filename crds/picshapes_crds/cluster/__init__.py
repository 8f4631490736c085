"""The API server as the parts see it: a small protocol, its implementation, and list-and-watch on top."""

from picshapes_crds.cluster.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from picshapes_crds.cluster.protocol import (
    EVENTS,
    JOBS,
    LEASES,
    NODES,
    PODS,
    Cluster,
    Event,
    Json,
    Kind,
    ObjectList,
    Scope,
)
from picshapes_crds.cluster.reflector import Changed, Deleted, Heard, Listed, Reflector

__all__ = [
    "EVENTS",
    "JOBS",
    "LEASES",
    "NODES",
    "PODS",
    "AlreadyExistsError",
    "Changed",
    "Cluster",
    "ClusterError",
    "ConflictError",
    "Deleted",
    "Event",
    "ExpiredError",
    "ForbiddenError",
    "Heard",
    "InvalidError",
    "Json",
    "Kind",
    "Listed",
    "NotFoundError",
    "ObjectList",
    "Reflector",
    "Scope",
    "UnavailableError",
]
