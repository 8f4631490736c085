import pytest

from picshapes_crds.resource import OutputFormat
from picshapes_crds.storage import object_key, refused_endpoint


@pytest.mark.parametrize(
    ("output_format", "key"),
    [
        (None, "uid/2.png"),
        (OutputFormat.PNG, "uid/2.png"),
        (OutputFormat.JPEG, "uid/2.jpg"),
        (OutputFormat.WEBP, "uid/2.webp"),
    ],
)
def test_a_key_is_made_of_the_job_the_attempt_and_the_format(output_format: OutputFormat | None, key: str) -> None:
    assert object_key("uid", 2, output_format) == key


@pytest.mark.parametrize(
    ("url", "environment", "refusal"),
    [
        ("s3://b", {"AWS_ENDPOINT": "http://s3:9000"}, "AWS_ENDPOINT is plain http"),
        (
            "s3://b",
            {"AWS_ENDPOINT_URL": "http://s3:9000", "AWS_ALLOW_HTTP": "no"},
            "AWS_ENDPOINT_URL is plain http",
        ),
        ("s3://b", {"AWS_ENDPOINT": "http://s3:9000", "AWS_ALLOW_HTTP": "True"}, None),
        ("s3://b", {"AWS_ENDPOINT": "https://s3:9000"}, None),
        ("s3://b", {}, None),
        ("file:///pictures", {"AWS_ENDPOINT": "http://s3:9000"}, None),
    ],
)
def test_plain_http_is_refused_unless_it_is_said_to_be_right(
    url: str, environment: dict[str, str], refusal: str | None
) -> None:
    found = refused_endpoint(url, environment)
    assert found == (f"{refusal}, which AWS_ALLOW_HTTP=true would allow" if refusal else None)
