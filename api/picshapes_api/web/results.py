"""Pictures over HTTP: streamed from the object store, or where clients reach it themselves, redirected to it."""

from sanic import Blueprint, HTTPResponse, Request

from picshapes_api.core.byte_ranges import UnsatisfiableRangeError, etag_matches, read_range
from picshapes_api.core.errors import (
    JobNotFoundError,
    RangeNotSatisfiableError,
    ResultExpiredError,
    ResultNotFoundError,
)
from picshapes_api.core.job_view import JobFacts
from picshapes_api.pictures import ByteRange, PictureGoneError
from picshapes_api.web.answers import JSON_TYPE, encode, services_of
from picshapes_api.web.authentication import bound_address
from picshapes_api.web.jobs import find_job
from picshapes_crds.storage import CONTENT_TYPES, object_key

routes = Blueprint("results", url_prefix="/results")

IMMUTABLE = "public, max-age=31536000, immutable"


@routes.route("/<file_name:str>", methods=["GET", "HEAD"])  # type: ignore[untyped-decorator] # Sanic types it in part
async def fetch(request: Request, file_name: str) -> HTTPResponse | None:
    """Stream the picture; its name never stands for other bytes, so caches may keep it for ever."""
    await bound_address(request)
    job = await _completed_job(request, file_name)
    etag = f'"{job.outcome.result_sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": IMMUTABLE,
        "Accept-Ranges": "bytes",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, Content-Length, Content-Range",
        "X-Content-Type-Options": "nosniff",
    }
    if etag_matches(request.headers.get("if-none-match"), etag):
        return HTTPResponse(None, 304, headers)
    key = object_key(job.id, job.outcome.attempt, job.output_format)
    try:
        if services_of(request).pictures.is_public:
            return await _redirect(request, key)
        return await _send(request, key, headers, CONTENT_TYPES[job.output_format])
    except PictureGoneError:
        raise ResultExpiredError from None


async def _redirect(request: Request, key: str) -> HTTPResponse:
    """Lead to the object itself, if it is there: the store's own answer for a missing one is no answer of ours."""
    pictures = services_of(request).pictures
    await pictures.size(key)
    location = await pictures.signed_url(key, "HEAD" if request.method == "HEAD" else "GET")
    headers = {"Location": location, "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    return HTTPResponse(b"", 307, headers, "text/plain; charset=utf-8")


async def _send(request: Request, key: str, headers: dict[str, str], content_type: str) -> HTTPResponse | None:
    pictures = services_of(request).pictures
    size = await pictures.size(key)
    try:
        part = read_range(_range_asked_for(request, headers["ETag"]), size)
    except UnsatisfiableRangeError:
        body = encode(RangeNotSatisfiableError().body())
        return HTTPResponse(
            body, 416, headers | {"Content-Range": f"bytes */{size}", "Cache-Control": "no-store"}, JSON_TYPE
        )
    status, (start, end) = (200, (0, size)) if part is None else (206, part)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return HTTPResponse(None, status, headers, content_type)
    # The first chunk is read before the answer begins, so that a missing object is still a 404.
    chunks = pictures.read(key, ByteRange(start, end))
    first = await anext(chunks, b"")
    response = await request.respond(status=status, headers=headers, content_type=content_type)
    await response.send(first)
    async for chunk in chunks:
        await response.send(chunk)
    await response.eof()
    return None


def _range_asked_for(request: Request, etag: str) -> str | None:
    """Return the header `Range` where it counts: with GET alone, and for the picture that the client means."""
    same = request.headers.get("if-range") in (None, etag)
    return request.headers.get("range") if same and request.method == "GET" else None


async def _completed_job(request: Request, file_name: str) -> JobFacts:
    job_id, _, _ = file_name.partition(".")
    services = services_of(request)
    try:
        job = await find_job(services, job_id)
    except JobNotFoundError:
        raise ResultNotFoundError from None
    if job.outcome.status != "completed" or file_name != job.file_name:
        raise ResultNotFoundError
    if services.retention.has_expired(job.outcome, services.now_ms()):
        raise ResultExpiredError
    return job
