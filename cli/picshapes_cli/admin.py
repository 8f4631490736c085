"""`picshapes admin`: users, credits and the audit, over the API with an administrator's key.

A user is named by e-mail address or id. Every command prints a table, or with `--json` the API's own answer.
"""

import json
import sys
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from picshapes_cli.api_client import ApiClient, ApiError
from picshapes_cli.generate import find_access
from picshapes_cli.shown import errors_shown

DEFAULT: Final = "default"
PIPED_WIDTH: Final = 240
"""Columns where no terminal says how many it has."""

app = typer.Typer(no_args_is_help=True, help="Users, credits and the audit; needs an administrator's key.")

Url = Annotated[str | None, typer.Option(help="The API; $PICSHAPES_URL, or the one on this machine.")]
Key = Annotated[str | None, typer.Option(help="An administrator's key; $PICSHAPES_ADMIN_KEY.")]
Json = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")]
Who = Annotated[str, typer.Argument(help="E-mail address or id.")]
Name = Annotated[str | None, typer.Option(help="A name to show.")]
Role = Annotated[str | None, typer.Option(help="user or admin.")]


def read_limit(text: str) -> int | str:
    """Read a number of requests, or the word that gives the default back."""
    if text == DEFAULT:
        return text
    if not (text.isascii() and text.isdecimal()):
        raise typer.BadParameter(f"must be a number or {DEFAULT}")
    return int(text)


Limit = Annotated[
    object | None,
    typer.Option(parser=read_limit, metavar="N|default", help="Requests; 0: no limit; default: what all have."),
]


def _api(url: str | None, key: str | None) -> ApiClient:
    return ApiClient(find_access(url, key, role="admin"))


def _user_path(api: ApiClient, who: str) -> str:
    """Return the path of a user; raises `ApiError` when there is none of that address."""
    if "@" not in who:
        return f"/api/v1/admin/users/{quote(who, safe='')}"
    found = api.call("GET", "/api/v1/admin/users", params={"email": who})["users"]
    if not found:
        raise ApiError(f"there is no user {who}", "USER_NOT_FOUND")
    return f"/api/v1/admin/users/{found[0]['id']}"


def _show(answer: dict[str, Any], rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer))
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(*names)
    for row in rows:
        table.add_row(*(str(row.get(name, "")) for name in names))
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)


@app.command("add")
def add(  # noqa: PLR0913, PLR0917 - each option is a parameter
    email: Annotated[str, typer.Argument(help="E-mail address.")],
    name: Name = None,
    role: Role = None,
    credit: Annotated[int, typer.Option("--credits", min=0, help="First credits.")] = 0,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Add a user; its first key is shown this once."""
    body = {"email": email, "display_name": name, "role": role, "credits": credit}
    with errors_shown(), _api(url, key) as api:
        made = api.call("POST", "/api/v1/admin/users", json=_given(body))
        _show(made, [made], as_json=as_json)


@app.command("list")
def list_users(
    email: Annotated[str | None, typer.Option(help="Only the user of this address.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List all users, newest first."""
    with errors_shown(), _api(url, key) as api:
        users: list[dict[str, Any]] = []
        query = _given({"email": email})
        while True:
            page = api.call("GET", "/api/v1/admin/users", params=query)
            users += page["users"]
            if "next_cursor" not in page:
                break
            query["cursor"] = page["next_cursor"]
        _show({"users": users}, users, as_json=as_json)


@app.command("change")
def change(  # noqa: PLR0913, PLR0917 - each option is a parameter
    who: Who,
    name: Name = None,
    role: Role = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Keep the user out.")] = None,
    limit_per_minute: Limit = None,
    limit_per_day: Limit = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Change a user; what isn't named stays."""
    limits = _given({"limit_per_minute": limit_per_minute, "limit_per_day": limit_per_day})
    body = _given({"display_name": name, "role": role, "disabled": disabled})
    body |= {field: None if limit == DEFAULT else limit for field, limit in limits.items()}
    with errors_shown(), _api(url, key) as api:
        changed = api.call("PATCH", _user_path(api, who), json=body)
        _show(changed, [changed], as_json=as_json)


@app.command("grant")
def grant(  # noqa: PLR0913, PLR0917 - each option is a parameter
    who: Who,
    amount: Annotated[int, typer.Argument(min=1, help="Credits.")],
    reason: Annotated[str, typer.Option(help="Stands in the ledger.")],
    idempotency_key: Annotated[str | None, typer.Option(help="Given again, nothing is granted twice.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Give a user credits."""
    with errors_shown(), _api(url, key) as api:
        body = {"amount": amount, "reason": reason}
        headers = _given({"Idempotency-Key": idempotency_key})
        balance = api.call("POST", f"{_user_path(api, who)}/credits", json=body, headers=headers)
        _show(balance, [balance], as_json=as_json)


@app.command("key")
def make_key(
    who: Who,
    name: Annotated[str | None, typer.Option(help="What the key is for.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Make a further key for a user; it is shown this once."""
    with errors_shown(), _api(url, key) as api:
        made = api.call("POST", f"{_user_path(api, who)}/keys", json=_given({"name": name}))
        _show(made, [made], as_json=as_json)


@app.command("ledger")
def ledger(who: Who, url: Url = None, key: Key = None, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Show the newest movements of a user's credits."""
    with errors_shown(), _api(url, key) as api:
        page = api.call("GET", f"{_user_path(api, who)}/ledger")
        _show(page, page["entries"], as_json=as_json)


@app.command("audit")
def audit(url: Url = None, key: Key = None, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Recount every balance from the ledger; exits with 1 when something differs."""
    with errors_shown(), _api(url, key) as api:
        found = api.call("GET", "/api/v1/admin/audit")
        _show(found, [found], as_json=as_json)
    if not found["consistent"]:
        raise typer.Exit(1)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
