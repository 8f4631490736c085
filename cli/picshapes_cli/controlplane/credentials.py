"""Everything secret in a control plane's state folder: certificates, the service-account key, user tokens.

Made at the first start and kept, so that kubeconfigs written before a restart still hold the right token and
tokens of service accounts stay valid. Serving certificates are made anew shortly before they expire.
"""

import csv
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from picshapes_cli.controlplane.certificates import issue_serving_certificate
from picshapes_cli.controlplane.private_files import make_private_folder, write_private_file

RENEW_BEFORE_EXPIRY = timedelta(days=30)
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class User:
    """A user of the API server. RBAC binds roles to the name or to a group."""

    name: str
    groups: tuple[str, ...] = ()


ADMIN = User("picshapes-admin", ("system:masters",))


class Credentials:
    """The credentials kept in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.crt"
        self.serving_certificate = folder / "kube-apiserver.crt"
        self.serving_key = folder / "kube-apiserver.key"
        self.service_account_key = folder / "service-account.key"
        self.tokens = folder / "tokens.csv"

    def prepare(self, users: Sequence[User], now: datetime) -> dict[str, str]:
        """Make what is missing or about to expire, and return each user's token by the user's name."""
        make_private_folder(self.folder)
        if not self._certificates_last(now):
            certificates = issue_serving_certificate(now)
            write_private_file(self.serving_key, certificates.key_pem)
            write_private_file(self.serving_certificate, certificates.certificate_pem)
            write_private_file(self.ca, certificates.ca_pem)
        if not self.service_account_key.exists():
            write_private_file(self.service_account_key, _new_signing_key())
        known = parse_tokens(self.tokens.read_text()) if self.tokens.exists() else {}
        tokens = {user.name: known.get(user.name) or secrets.token_urlsafe(TOKEN_BYTES) for user in users}
        write_private_file(self.tokens, render_tokens(users, tokens).encode())
        return tokens

    def _certificates_last(self, now: datetime) -> bool:
        files = (self.ca, self.serving_certificate, self.serving_key)
        if not all(file.exists() for file in files):
            return False
        certificate = x509.load_pem_x509_certificate(self.serving_certificate.read_bytes())
        return certificate.not_valid_after_utc - now > RENEW_BEFORE_EXPIRY


def render_tokens(users: Sequence[User], tokens: dict[str, str]) -> str:
    """Return kube-apiserver's token file: token, user, uid and the quoted, comma-separated groups."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for user in users:
        rows.writerow((tokens[user.name], user.name, user.name, ",".join(user.groups)))
    return text.getvalue()


def parse_tokens(text: str) -> dict[str, str]:
    """Return the tokens by user name from a token file."""
    return {row[1]: row[0] for row in csv.reader(io.StringIO(text)) if row}


def _new_signing_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
