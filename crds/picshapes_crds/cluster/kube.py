"""The `Cluster` protocol on a real API server, over `kubernetes.aio`'s configuration and connection pool.

Requests go to the pool past the library's model classes and REST layer, and pydantic's parser reads and writes the
JSON: each of these would cost a good part of the call's own processor time (docs/performance.md).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import client, config
from pydantic_core import from_json, to_json
from yarl import URL

from picshapes_crds.cluster.connections import api_client
from picshapes_crds.cluster.errors import UnavailableError, from_status
from picshapes_crds.cluster.protocol import Event, Json, Kind, ObjectList, Scope

REQUEST_TIMEOUT_S: Final = 30.0
WATCH_SILENCE_S: Final = 90.0
"""The API server sends a bookmark a minute; a watch that is silent for longer is dead."""
WATCH_LIFE_S: Final = 290
PAGE: Final = 500
CONNECTIONS: Final = 256

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_NETWORK_FAULTS: Final = (aiohttp.ClientError, TimeoutError, OSError)


class KubeCluster:
    """A connection to one API server. Use as an asynchronous context manager."""

    def __init__(self, configuration: client.Configuration) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.retries = False  # the callers know what may be tried again
        # Looked up once here: the library would ask a thread for proxies and another for .netrc on every request.
        configuration.client_session_kwargs = {"trust_env": False}
        configuration.proxy = configuration.proxy or _proxy_from_environment(configuration.host)
        self._configuration = configuration
        self._api = api_client(configuration)

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None) -> Self:
        """Use this kubeconfig, or the pod's service account when there is none.

        Raises `kubernetes.aio.config.ConfigException` when neither can be read.
        """
        configuration = client.Configuration()
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(
                config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
            )
        return cls(configuration)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._api.close()

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object; `AlreadyExistsError` when the name is taken."""
        return await self._call(_Request("POST", _path(kind, namespace), body))

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Read an object as it is now."""
        return await self._call(_Request("GET", _path(kind, namespace, name)))

    async def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        """Read all objects of a scope, in pages of one consistent snapshot."""
        accept = _METADATA if metadata_only else _JSON
        items: list[Json] = []
        query = {**_query(scope), "limit": str(PAGE)}
        while True:
            path = f"{_path(kind, scope.namespace)}?{urlencode(query)}"
            page = await self._call(_Request("GET", path, accept=accept))
            items += page["items"] or []  # an empty metadata list has null there
            if not page["metadata"].get("continue"):
                return ObjectList(items, page["metadata"]["resourceVersion"])
            query["continue"] = page["metadata"]["continue"]

    async def watch(self, kind: Kind, scope: Scope, resource_version: str) -> AsyncIterator[Event]:
        """Stream changes after this version until the server ends the watch."""
        query = _query(scope) | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_LIFE_S),
        }
        limits = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT_S, sock_read=WATCH_SILENCE_S)
        request = _Request("GET", f"{_path(kind, scope.namespace)}?{urlencode(query)}")
        try:
            async with await self._send(request, limits) as response:
                if response.status != HTTPStatus.OK:
                    raise from_status(_object(await response.read()), response.status)
                async for line in _lines(response):
                    event = from_json(line)
                    if event["type"] == "ERROR":
                        raise from_status(event["object"], int(event["object"].get("code", 500)))
                    yield Event(event["type"], event["object"])
        except (*_NETWORK_FAULTS, ValueError) as error:  # ValueError: a line cut off is no JSON
            raise UnavailableError(f"the watch of {kind.plural} broke: {error!r}") from error

    async def merge_patch(self, kind: Kind, namespace: str, name: str, body: Json, subresource: str = "") -> Json:
        """Apply a JSON Merge Patch."""
        path = _path(kind, namespace, name, subresource)
        return await self._call(_Request("PATCH", path, body, _MERGE))

    async def json_patch(
        self, kind: Kind, namespace: str, name: str, operations: list[Json], subresource: str = ""
    ) -> Json:
        """Apply a JSON Patch."""
        path = _path(kind, namespace, name, subresource)
        return await self._call(_Request("PATCH", path, operations, _JSON_PATCH))

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, grace_s: int | None = None) -> None:
        """Delete the object of this uid; a pod is gone at once with a `grace_s` of 0."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        await self._call(_Request("DELETE", _path(kind, namespace, name), options))

    async def apply(self, kind: Kind, body: Json) -> Json:
        """Server-side apply, of namespaced and cluster-wide objects; PicShapes' fields win over others."""
        metadata = body["metadata"]
        path = _path(kind, metadata.get("namespace"), metadata["name"])
        return await self._call(_Request("PATCH", f"{path}?fieldManager=picshapes&force=true", body, _APPLY))

    async def request_token(self, pod: Json, account: str, life_s: int) -> str:
        """Return a token of a service account, bound to a pod: it is good for as long as the pod is there."""
        metadata = pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        path = _path(Kind("v1", "serviceaccounts"), metadata["namespace"], account, "token")
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": life_s, "boundObjectRef": bound},
        }
        answer = await self._call(_Request("POST", path, body))
        return str(answer["status"]["token"])

    async def _call(self, request: "_Request") -> Json:
        limits = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        try:
            async with await self._send(request, limits) as response:
                answer, status = await response.read(), response.status
        except _NETWORK_FAULTS as error:
            path = request.path.split("?", maxsplit=1)[0]
            raise UnavailableError(f"{request.method} {path}: no answer: {error!r}") from error
        if status >= HTTPStatus.BAD_REQUEST:
            raise from_status(_object(answer), status)
        return _object(answer)

    async def _send(self, request: "_Request", limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        # identity: to compress the pages of a LIST costs the API server more than a cluster's network does.
        headers = {"Content-Type": request.content, "Accept": request.accept, "Accept-Encoding": "identity"}
        configuration = self._configuration
        token = (await configuration.auth_settings()).get("BearerToken")
        if token:
            headers[token["key"]] = token["value"]
        pool: aiohttp.ClientSession = self._api.rest_client.pool()
        return await pool.request(
            request.method,
            URL(configuration.host + request.path, encoded=True),
            data=None if request.body is None else to_json(request.body),
            headers=headers,
            timeout=limits,
            server_hostname=configuration.tls_server_name or None,
            proxy=configuration.proxy,
            proxy_headers=configuration.proxy_headers,
        )


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    body: Json | list[Json] | None = None
    content: str = _JSON
    accept: str = _JSON


def _proxy_from_environment(url: str) -> str | None:
    """Return what `HTTPS_PROXY` and `NO_PROXY` say for this address."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _path(kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    parts = [quote(part, safe="") for part in (kind.plural, name, subresource) if part]
    return f"{kind.root}{where}/{'/'.join(parts)}"


def _query(scope: Scope) -> dict[str, str]:
    selectors = {"labelSelector": scope.label_selector, "fieldSelector": scope.field_selector}
    return {key: value for key, value in selectors.items() if value}


def _object(answer: bytes) -> Json:
    """Read an answer; what isn't a JSON object (a proxy's error page) becomes the message of one."""
    try:
        parsed = from_json(answer)
    except ValueError:
        return {"message": answer[:500].decode(errors="replace")}
    return parsed if isinstance(parsed, dict) else {"message": str(parsed)[:500]}


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Split the stream at line ends; a line may be as long as an object."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
