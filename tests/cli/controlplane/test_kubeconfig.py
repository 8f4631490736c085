from pathlib import Path

import yaml

from picshapes_cli.controlplane.kubeconfig import ClientAccess, render_kubeconfig, write_kubeconfig

ACCESS = ClientAccess("https://127.0.0.1:6443", b"PEM", "secret", "pictures")


def test_a_kubeconfig_names_server_authority_token_and_namespace() -> None:
    assert yaml.safe_load(render_kubeconfig(ACCESS)) == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "picshapes",
                "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": "UEVN"},
            }
        ],
        "users": [{"name": "picshapes", "user": {"token": "secret"}}],
        "contexts": [
            {
                "name": "picshapes",
                "context": {"cluster": "picshapes", "user": "picshapes", "namespace": "pictures"},
            }
        ],
        "current-context": "picshapes",
    }


def test_only_its_owner_can_read_it_even_where_another_file_was(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("open to all")
    path.chmod(0o644)

    write_kubeconfig(path, ACCESS)

    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["kubeconfig"]
