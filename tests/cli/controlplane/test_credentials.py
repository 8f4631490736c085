import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from picshapes_cli.controlplane.credentials import Credentials, User, parse_tokens, render_tokens

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPERATOR = User("operator", ("picshapes:operators", "picshapes:all"))
API = User("api")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_token_file_is_as_the_api_server_reads_it() -> None:
    text = render_tokens([OPERATOR, API], {"operator": "secret-1", "api": "secret-2"})

    assert text == 'secret-1,operator,operator,"picshapes:operators,picshapes:all"\nsecret-2,api,api,\n'
    assert parse_tokens(text) == {"operator": "secret-1", "api": "secret-2"}


def test_every_user_gets_a_long_random_token(tmp_path: Path) -> None:
    tokens = Credentials(tmp_path / "a").prepare([OPERATOR, API], NOW)
    others = Credentials(tmp_path / "b").prepare([OPERATOR, API], NOW)

    assert tokens.keys() == {"operator", "api"}
    assert len({*tokens.values(), *others.values()}) == 4
    assert all(len(token) == 43 for token in tokens.values())  # 32 random bytes in base64


def test_a_second_start_keeps_everything(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    tokens = Credentials(folder).prepare([OPERATOR, API], NOW)
    before = contents(folder)

    assert Credentials(folder).prepare([OPERATOR, API], NOW + timedelta(days=1)) == tokens
    assert contents(folder) == before


def test_a_new_user_leaves_the_tokens_of_the_others_alone_and_a_removed_one_loses_its_token(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "credentials"
    tokens = Credentials(folder).prepare([OPERATOR], NOW)

    both = Credentials(folder).prepare([OPERATOR, API], NOW)
    assert both["operator"] == tokens["operator"]

    Credentials(folder).prepare([API], NOW)
    assert parse_tokens((folder / "tokens.csv").read_text()) == {"api": both["api"]}


def test_certificates_are_renewed_in_their_last_month_and_the_signing_key_stays(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    Credentials(folder).prepare([API], NOW)
    first = contents(folder)

    Credentials(folder).prepare([API], NOW + timedelta(days=825 - 31))
    assert contents(folder) == first

    Credentials(folder).prepare([API], NOW + timedelta(days=825 - 29))
    renewed = contents(folder)
    assert {name for name in first if renewed[name] != first[name]} == {
        "ca.crt",
        "kube-apiserver.crt",
        "kube-apiserver.key",
    }


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o755)
    Credentials(folder).prepare([API], NOW)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "ca.crt": 0o600,
        "kube-apiserver.crt": 0o600,
        "kube-apiserver.key": 0o600,
        "service-account.key": 0o600,
        "tokens.csv": 0o600,
    }


def test_the_certificate_and_its_key_are_a_pair_that_openssl_takes(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "credentials")
    credentials.prepare([API], NOW)

    context = ssl.create_default_context(cafile=credentials.ca)
    context.load_cert_chain(credentials.serving_certificate, credentials.serving_key)
    assert len(context.get_ca_certs()) == 1
