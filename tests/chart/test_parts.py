"""What single values do to the parts' manifests."""

from .rendering import Chart


def test_with_no_values_one_process_owns_sqlite_on_a_volume_that_is_kept(chart: Chart) -> None:
    release = chart.render()
    api = release.find("Deployment", "api")["spec"]
    assert (api["replicas"], api["strategy"]) == (1, {"type": "Recreate"})
    assert release.env("api")["DATABASE_URL"] == "sqlite:///data/picshapes.db"
    data = {"name": "data", "persistentVolumeClaim": {"claimName": "picshapes-api"}}
    assert data in release.pod("api")["volumes"]


def test_the_parts_run_behind_their_images_first_process(chart: Chart) -> None:
    release = chart.render()
    for part, name in (("api", "api"), ("operator", "operator"), ("worker-demo", "worker")):
        container = release.pod(part)["containers"][0]
        assert container["args"] == ["python", "-m", f"picshapes_{name}"]
        assert "command" not in container


def test_postgresql_without_redis_is_never_two_processes_at_a_time(chart: Chart) -> None:
    release = chart.render({"database": {"existingSecret": {"name": "postgres", "key": "url"}}})
    assert release.find("Deployment", "api")["spec"]["strategy"] == {"type": "Recreate"}
    assert release.env("api")["DATABASE_URL"] == {"secretKeyRef": {"name": "postgres", "key": "url"}}
    claims = [one["metadata"]["name"] for one in release.of_kind("PersistentVolumeClaim")]
    assert claims == ["picshapes-store"]


def test_with_postgresql_and_redis_the_api_rolls_without_a_gap(chart: Chart) -> None:
    api = chart.render("external").find("Deployment", "api")["spec"]
    assert api["replicas"] == 2
    assert api["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_an_external_store_is_reached_by_the_secrets_variables_and_no_store_is_installed(chart: Chart) -> None:
    release = chart.render("external")
    for part in ("api", "worker-demo"):
        env = release.env(part)
        assert env["PICSHAPES_STORAGE_URL"] == "s3://pictures/prod"
        assert (env["AWS_ENDPOINT"], env["AWS_ALLOW_HTTP"]) == ("http://minio.storage:9000", "true")
        assert "AWS_ACCESS_KEY_ID" not in env
        assert release.pod(part)["containers"][0]["envFrom"] == [{"secretRef": {"name": "s3-keys"}}]
    assert [one["metadata"]["name"] for one in release.of_kind("Secret")] == []
    assert not [one for one in release.of_kind("Deployment") if one["metadata"]["name"].endswith("store")]


def test_retention_and_the_public_address_reach_the_api(chart: Chart) -> None:
    env = chart.render("external").env("api")
    names = ("PUBLIC_URL", "RETENTION_DAYS", "JOB_RETENTION_DAYS", "TRUSTED_PROXIES", "STORAGE_PUBLIC_ENDPOINT")
    assert [env[f"PICSHAPES_{name}"] for name in names] == [
        "https://pictures.example.org",
        "30",
        "365",
        "10.0.0.0/8",
        "https://s3.example.org",
    ]


def test_a_variable_that_the_values_give_counts_over_the_charts_own_and_is_there_once(chart: Chart) -> None:
    variables = chart.render("everything").pod("api")["containers"][0]["env"]
    levels = [one["value"] for one in variables if one["name"] == "PICSHAPES_LOG_LEVEL"]
    assert levels == ["DEBUG"]
    assert variables[-1] == {"name": "AWS_PROFILE", "value": "pictures"}


def test_large_numbers_stay_whole(chart: Chart) -> None:
    env = chart.render({"api.maxUnfinished": 10_000_000}).env("api")
    assert env["PICSHAPES_MAX_UNFINISHED"] == "10000000"


def test_only_the_api_and_the_store_may_touch_a_secret_and_only_their_own(chart: Chart) -> None:
    touched = {
        role["metadata"]["name"]: (rule.get("resourceNames"), rule["verbs"])
        for role in chart.render().of_kind("Role")
        for rule in role["rules"]
        if "secrets" in rule["resources"]
    }
    assert touched == {
        "picshapes-api": (["picshapes-admin"], ["get", "patch"]),
        "picshapes-store": (["picshapes-store"], ["get", "patch"]),
    }


def test_the_secrets_are_rendered_empty_so_that_an_upgrade_leaves_what_was_filled_in(chart: Chart) -> None:
    secrets = {one["metadata"]["name"]: set(one) for one in chart.render().of_kind("Secret")}
    fields = {"apiVersion", "kind", "metadata", "type"}
    assert secrets == {"picshapes-admin": fields, "picshapes-store": fields}


def test_the_stores_own_container_has_no_token(chart: Chart) -> None:
    pod = chart.render().pod("store")
    assert pod["automountServiceAccountToken"] is False
    assert [one["name"] for one in pod["containers"][0]["volumeMounts"]] == ["data", "tmp"]


def test_a_custom_catalogue_is_mounted_in_all_parts_and_its_change_starts_them_anew(chart: Chart) -> None:
    release = chart.render("everything")
    for part in ("api", "operator", "worker-demo"):
        template = release.find("Deployment", part)["spec"]["template"]
        assert template["metadata"]["annotations"]["checksum/catalogue"] == (
            "cccd6c4a5b4c40900d087de7ee41f2513d452b5d855603eacca710999800cc94"
        )
        assert release.env(part)["PICSHAPES_CATALOGUE"] == "/etc/picshapes/catalogue.yaml"
    assert release.find("ConfigMap", "catalogue")["data"]["catalogue.yaml"].startswith("profile: demo\n")


def test_a_digest_counts_and_the_tag_does_not(chart: Chart) -> None:
    assert chart.render("everything").pod("api")["containers"][0]["image"] == (
        "registry.example.org/ai/picshapes-control@"
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )


def test_the_ways_in_from_outside_lead_to_the_api_and_not_to_its_figures(chart: Chart) -> None:
    ingress = chart.render("external").find("Ingress", "api")["spec"]
    paths = [one["path"] for one in ingress["rules"][0]["http"]["paths"]]
    assert (ingress["ingressClassName"], ingress["rules"][0]["host"]) == ("nginx", "pictures.example.org")
    assert paths == ["/api", "/results", "/docs", "/openapi.yaml", "/openapi.json"]
    (rule,) = chart.render("everything").find("HTTPRoute", "api")["spec"]["rules"]
    assert [one["path"]["value"] for one in rule["matches"]] == paths
    assert rule["backendRefs"] == [{"name": "picshapes-api", "port": 8080}]


def test_the_operator_looks_at_nodes_only_if_it_may(chart: Chart) -> None:
    with_nodes, without = chart.render(), chart.render("bare")
    assert with_nodes.env("operator")["PICSHAPES_WATCH_NODES"] == "true"
    (role,) = [one for one in with_nodes.of_kind("ClusterRole") if one["metadata"]["name"] == "ps-picshapes-nodes"]
    assert role["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch"]}]
    assert without.env("operator")["PICSHAPES_WATCH_NODES"] == "false"
    assert without.of_kind("ClusterRole") == without.of_kind("ClusterRoleBinding") == []


def test_people_who_may_edit_may_make_jobs_and_people_who_view_may_see_them(chart: Chart) -> None:
    roles = {one["metadata"]["name"]: one for one in chart.render().of_kind("ClusterRole")}
    view, edit = roles["ps-picshapes-view"], roles["ps-picshapes-edit"]
    assert view["rules"][0]["verbs"] == ["get", "list", "watch"]
    assert edit["rules"][0]["verbs"] == ["create", "delete", "deletecollection", "patch", "update"]
    assert view["rules"][0]["resources"] == edit["rules"][0]["resources"] == ["generationjobs"]
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-admin"] == "true"
