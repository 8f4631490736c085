"""Where a job lies in the cluster: jobs of two namespaces may have the same name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class JobName:
    """The namespace of a job and its name there; which job it is only the uid says."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return both, for people."""
        return f"{self.namespace}/{self.name}"
