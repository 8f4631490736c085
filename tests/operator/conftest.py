"""Property-based tests here hold facts, not speed: on a busy machine an example may take long."""

from hypothesis import HealthCheck, settings

settings.register_profile("operator", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("operator")
