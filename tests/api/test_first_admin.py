"""The first administrator of an installation in a cluster, whose key lies in a Secret."""

import asyncio
import base64
from secrets import token_bytes
from typing import Any

import pytest

from picshapes_api.cluster.first_admin import SECRETS, AdminSecret, InvalidAdminSecretError, create_first_admin
from picshapes_api.core.accounts import Role
from picshapes_api.storage.accounts import AccountStore
from picshapes_api.storage.database import Database
from picshapes_crds.cluster.kube import KubeCluster

KEY = "uk_" + "a" * 43


@pytest.fixture
def accounts(database: Database) -> AccountStore:
    return AccountStore(database, lambda: 0)


@pytest.fixture
def secret(namespace: str) -> AdminSecret:
    return AdminSecret(namespace, "first-admin", "admin@example.com")


async def make(cluster: KubeCluster, secret: AdminSecret, **held: str) -> None:
    body = {
        "metadata": {"name": secret.name},
        "stringData": {name.replace("_", "-"): v for name, v in held.items()},
    }
    await cluster.create(SECRETS, secret.namespace, body)


async def held_by(cluster: KubeCluster, secret: AdminSecret) -> dict[str, str]:
    found: dict[str, Any] = await cluster.get(SECRETS, secret.namespace, secret.name)
    return {name: base64.b64decode(text).decode() for name, text in found["data"].items()}


async def test_an_empty_secret_is_filled_with_the_key_of_the_administrator_who_is_made(
    cluster: KubeCluster, secret: AdminSecret, accounts: AccountStore
) -> None:
    await make(cluster, secret)
    await create_first_admin(cluster, secret, accounts, token_bytes)
    held = await held_by(cluster, secret)
    assert held["email"] == "admin@example.com"
    who = await accounts.authenticate(held["api-key"])
    assert who is not None
    assert (who.account.email, who.account.role) == ("admin@example.com", Role.ADMIN)


async def test_a_secret_that_holds_a_key_is_taken_as_it_is(
    cluster: KubeCluster, secret: AdminSecret, accounts: AccountStore
) -> None:
    await make(cluster, secret, api_key=f"{KEY}\n", email="ann@example.com")
    await create_first_admin(cluster, secret, accounts, token_bytes)
    who = await accounts.authenticate(KEY)
    assert who is not None
    assert who.account.email == "ann@example.com"
    assert (await held_by(cluster, secret))["api-key"] == f"{KEY}\n"


async def test_processes_that_start_at_once_agree_on_one_key(
    cluster: KubeCluster, secret: AdminSecret, accounts: AccountStore, database: Database
) -> None:
    await make(cluster, secret)
    await asyncio.gather(*(create_first_admin(cluster, secret, accounts, token_bytes) for _ in range(5)))
    assert await accounts.authenticate((await held_by(cluster, secret))["api-key"]) is not None
    assert await database.fetch("SELECT email FROM users") == [{"email": "admin@example.com"}]


async def test_where_there_is_an_administrator_no_secret_is_looked_at(
    cluster: KubeCluster, secret: AdminSecret, accounts: AccountStore
) -> None:
    await make(cluster, secret)
    await create_first_admin(cluster, secret, accounts, token_bytes)
    missing = AdminSecret(secret.namespace, "missing", "other@example.com")
    await create_first_admin(cluster, missing, accounts, token_bytes)
    assert await accounts.find_by_email("other@example.com") is None


async def test_a_secret_that_is_missing_or_holds_no_key_is_refused_without_telling_it(
    cluster: KubeCluster, secret: AdminSecret, accounts: AccountStore
) -> None:
    with pytest.raises(InvalidAdminSecretError, match=f"^there is no Secret {secret.namespace}/first-admin$"):
        await create_first_admin(cluster, secret, accounts, token_bytes)
    await make(cluster, secret, api_key="password")
    with pytest.raises(InvalidAdminSecretError, match="api_key: Value error, must be uk_") as caught:
        await create_first_admin(cluster, secret, accounts, token_bytes)
    assert "password" not in str(caught.value)
