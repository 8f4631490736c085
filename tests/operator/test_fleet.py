"""When a worker counts as lost, by the operator's own clock."""

from typing import Any

from picshapes_crds.scheduling.demand import Worker
from picshapes_operator.fleet import Fleet
from picshapes_operator.recover import Holder


def pod(name: str = "w", **status: object) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "n",
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "labels": {
                "app.kubernetes.io/component": "worker",
                "picshapes.io/vram-mib": "23034",
                "picshapes.io/catalogue-profile": "real",
                "model.picshapes.io/flux-schnell": "true",
                "weights.picshapes.io/flux-schnell": "abc",
            },
        },
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]} | status,
    }


def lease(renewed: str, worker_id: str = "id1") -> dict[str, Any]:
    return {
        "metadata": {
            "name": "w",
            "namespace": "n",
            "labels": {"app.kubernetes.io/component": "worker"},
            "annotations": {"picshapes.io/loaded-models": "flux-schnell"},
        },
        "spec": {"holderIdentity": worker_id, "renewTime": renewed},
    }


def leader_lease(renewed: str) -> dict[str, Any]:
    return {"metadata": {"name": "picshapes-operator", "namespace": "n"}, "spec": {"renewTime": renewed}}


def fleet_at(monotonic: float) -> Fleet:
    fleet = Fleet()
    fleet.observe_pod(pod())
    fleet.keep_pods({"uid-w"}, 7)
    fleet.leases_listed([lease("t0")], monotonic)
    return fleet


def only(fleet: Fleet, monotonic: float) -> Worker:
    ((_, worker),) = fleet.seen(monotonic, everything=True)
    assert worker is not None
    return worker


def quiet_but_alive(fleet: Fleet, begin: float, end: float) -> None:
    """Let the leader's own lease be seen every 2 s, as in life."""
    moment = begin
    while moment <= end:
        fleet.observe_lease(leader_lease(str(moment)), moment)
        moment += 2.0


def test_a_worker_is_read_from_its_pod_and_its_lease() -> None:
    worker = only(fleet_at(100.0), 101.0)
    assert worker.vram_mib == 23_034
    assert worker.weights == {"flux-schnell": "abc"}
    assert worker.loaded == frozenset({"flux-schnell"})
    assert worker.accepting


def test_a_worker_that_is_silent_for_more_than_40_s_is_lost() -> None:
    fleet = fleet_at(100.0)
    quiet_but_alive(fleet, 100.0, 140.0)
    assert fleet.holder("w", "id1", 140.0) is Holder.LIVE
    quiet_but_alive(fleet, 142.0, 142.0)
    assert fleet.holder("w", "id1", 142.0) is Holder.SILENT
    assert not only(fleet, 142.0).accepting


def test_a_renewal_gives_40_s_more() -> None:
    fleet = fleet_at(100.0)
    quiet_but_alive(fleet, 100.0, 130.0)
    fleet.observe_lease(lease("t1"), 131.0)
    quiet_but_alive(fleet, 132.0, 170.0)
    assert fleet.holder("w", "id1", 170.0) is Holder.LIVE


def test_an_outage_of_the_api_server_loses_no_worker() -> None:
    fleet = fleet_at(100.0)
    quiet_but_alive(fleet, 100.0, 110.0)
    assert fleet.holder("w", "id1", 175.0) is Holder.LIVE
    quiet_but_alive(fleet, 176.0, 210.0)
    assert fleet.holder("w", "id1", 210.0) is Holder.LIVE
    quiet_but_alive(fleet, 212.0, 220.0)
    assert fleet.holder("w", "id1", 220.0) is Holder.SILENT


def test_another_process_in_the_same_pod_has_replaced_the_holder() -> None:
    fleet = fleet_at(100.0)
    fleet.observe_lease(lease("t1", worker_id="id2"), 105.0)
    assert fleet.holder("w", "id1", 105.0) is Holder.REPLACED


def test_a_pod_that_is_gone_or_has_ended_has_lost_its_jobs() -> None:
    fleet = fleet_at(100.0)
    assert fleet.holder("other", "id9", 101.0) is Holder.POD_GONE
    fleet.observe_pod(pod(phase="Failed"))
    assert fleet.holder("w", "id1", 101.0) is Holder.POD_ENDED


def test_a_pod_that_is_not_ready_or_terminating_gets_nothing_new_and_keeps_its_jobs() -> None:
    fleet = fleet_at(100.0)
    fleet.observe_pod(pod(conditions=[{"type": "Ready", "status": "False"}]))
    assert not only(fleet, 101.0).accepting
    assert fleet.holder("w", "id1", 101.0) is Holder.LIVE
    terminating = pod()
    terminating["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    fleet.observe_pod(terminating)
    assert not only(fleet, 101.0).accepting
    assert fleet.holder("w", "id1", 101.0) is Holder.LIVE


def test_nothing_is_judged_before_everything_was_listed_once() -> None:
    fleet = Fleet()
    fleet.observe_pod(pod())
    assert fleet.holder("gone", "id1", 500.0) is Holder.UNKNOWN


def test_a_listing_drops_pods_that_it_does_not_show_but_not_newer_ones() -> None:
    fleet = fleet_at(100.0)
    fleet.keep_pods(set(), 6)
    assert fleet.holder("w", "id1", 101.0) is Holder.LIVE
    fleet.keep_pods(set(), 7)
    assert fleet.holder("w", "id1", 101.0) is Holder.POD_GONE


def test_a_renewal_that_changes_nothing_is_nothing_to_decide_on() -> None:
    fleet = fleet_at(100.0)
    list(fleet.seen(100.0, everything=False))
    assert not fleet.observe_lease(lease("t1"), 110.0)
    assert list(fleet.seen(110.0, everything=False)) == []
    assert fleet.observe_lease(lease("t2", worker_id="id2"), 120.0)
    assert [name for name, _ in fleet.seen(120.0, everything=False)] == ["w"]


def test_a_limit_of_memory_is_read_and_is_something_to_decide_on() -> None:
    fleet = fleet_at(100.0)
    told = lease("t1")
    told["metadata"]["annotations"]["picshapes.io/memory-limits-mib"] = "flux-schnell=19000,z-image-turbo=x"

    assert fleet.observe_lease(told, 110.0)
    worker = only(fleet, 110.0)
    assert (worker.memory_for("flux-schnell"), worker.memory_for("z-image-turbo")) == (19_000, 23_034)


def test_a_renewal_after_silence_is_something_to_decide_on() -> None:
    fleet = fleet_at(100.0)
    quiet_but_alive(fleet, 100.0, 150.0)
    assert fleet.observe_lease(lease("t1"), 151.0)


def test_a_worker_whose_pod_is_gone_is_seen_once_as_none() -> None:
    fleet = fleet_at(100.0)
    list(fleet.seen(100.0, everything=False))
    fleet.forget_pod("w", "uid-w")
    assert list(fleet.seen(101.0, everything=False)) == [("w", None)]
    assert list(fleet.seen(101.0, everything=True)) == []


def test_a_worker_on_a_cordoned_node_takes_no_more_jobs_and_is_not_lost() -> None:
    fleet = Fleet()
    fleet.observe_pod(pod() | {"spec": {"nodeName": "node-a"}})
    fleet.keep_pods({"uid-w"}, 7)
    fleet.leases_listed([lease("t0")], 100.0)
    assert only(fleet, 101.0).accepting
    fleet.cordon({"node-a", "node-b"})
    cordoned = only(fleet, 101.0)
    assert (cordoned.accepting, cordoned.cordoned) == (False, True)
    assert fleet.holder("w", "id1", 101.0) is Holder.LIVE
    fleet.cordon({"node-b"})
    assert only(fleet, 101.0).accepting


def test_a_cordon_that_was_there_before_the_pod_counts() -> None:
    fleet = Fleet()
    fleet.cordon({"node-a"})
    fleet.leases_listed([lease("t0")], 100.0)
    fleet.observe_pod(pod() | {"spec": {"nodeName": "node-a"}})
    assert only(fleet, 101.0).cordoned


def test_a_cordon_elsewhere_is_no_news_of_a_worker() -> None:
    fleet = Fleet()
    fleet.observe_pod(pod() | {"spec": {"nodeName": "node-a"}})
    fleet.leases_listed([lease("t0")], 100.0)
    assert only(fleet, 101.0).accepting
    fleet.cordon({"node-b"})
    assert list(fleet.seen(101.0, everything=True)) == []


def test_a_process_lives_for_certain_exactly_when_its_holder_is_judged_live() -> None:
    fleet = fleet_at(100.0)
    quiet_but_alive(fleet, 100.0, 139.0)
    assert (fleet.living(139.0), fleet.holder("w", "id1", 139.0)) == ({"id1"}, Holder.LIVE)
    quiet_but_alive(fleet, 140.0, 142.0)
    assert (fleet.living(142.0), fleet.holder("w", "id1", 142.0)) == (set(), Holder.SILENT)
    fleet.observe_lease(lease("t1", "id2"), 142.0)
    assert (fleet.living(142.0), fleet.holder("w", "id1", 142.0)) == ({"id2"}, Holder.REPLACED)
    fleet.observe_pod(pod(phase="Failed"))
    assert (fleet.living(142.0), fleet.holder("w", "id2", 142.0)) == (set(), Holder.POD_ENDED)
    fleet.forget_pod("w", "uid-w")
    assert (fleet.living(142.0), fleet.holder("w", "id2", 142.0)) == (set(), Holder.POD_GONE)
