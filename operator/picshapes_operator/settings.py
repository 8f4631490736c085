"""The operator's settings, from the environment: `PICSHAPES_` and the field's name in capitals."""

from pydantic import Field

from picshapes_crds.logs import Format, Level
from picshapes_crds.settings import ClusterSettings
from picshapes_operator.pools import Pool


class Settings(ClusterSettings):
    """How and where this operator runs; docs/settings.md is made of what is said here."""

    probe_host: str = Field("127.0.0.1", description="Address of the probes and the metrics.")
    probe_port: int = Field(
        8082, ge=0, le=65535, description="Their port; 0 takes a free one, which the log names."
    )
    log_format: Format = Field("json", description="Logs for machines or for people.")
    log_level: Level = Field("INFO", description="The least that is logged.")
    pools: tuple[Pool, ...] = Field(
        (Pool(name="default"),),
        description="Groups of equal workers, as a JSON list of objects with `name`, `vram_mib` (absent: enough"
        " for everything) and `models` (absent: all).",
    )
    pool_drain_s: float = Field(
        60, gt=0, description="Seconds in which a pool is to get through its jobs: how many workers it wants."
    )
    watch_nodes: bool = Field(
        default=True, description="Give workers on cordoned nodes no new jobs; needs to list and watch nodes."
    )
    mark_idle: bool = Field(
        default=False,
        description="Give pods of workers that idle a lower deletion cost, so that a scale-down takes them first;"
        " needs to patch pods.",
    )
    identity: str = Field("", description="Name in the leader's Lease; by default of the host and the process id.")
