"""Paths of the API."""

import pytest

from kjnb.embedded.api.routes import Route, parse


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/v1/pods", Route("", "v1", "pods")),
        ("/api/v1/pods/", Route("", "v1", "pods")),
        ("/api/v1/namespaces", Route("", "v1", "namespaces")),
        ("/api/v1/namespaces/n", Route("", "v1", "namespaces", None, "n")),
        ("/api/v1/namespaces/n/status", Route("", "v1", "namespaces", None, "n", "status")),
        ("/api/v1/namespaces/n/pods", Route("", "v1", "pods", "n")),
        ("/api/v1/namespaces/n/pods/a", Route("", "v1", "pods", "n", "a")),
        ("/api/v1/namespaces/n/pods/a/log", Route("", "v1", "pods", "n", "a", "log")),
        ("/api/v1/nodes/a%2Fb", Route("", "v1", "nodes", None, "a/b")),
        ("/apis/batch/v1/jobs", Route("batch", "v1", "jobs")),
        ("/apis/batch/v1/namespaces/n/jobs/j/status", Route("batch", "v1", "jobs", "n", "j", "status")),
        ("/api/v1/watch/pods", Route("", "v1", "pods", watch=True)),
        ("/api/v1/watch/namespaces/n/pods/a", Route("", "v1", "pods", "n", "a", watch=True)),
        ("/apis/batch/v1/watch/namespaces/n/jobs", Route("batch", "v1", "jobs", "n", watch=True)),
        ("/api/v1/watch/namespaces/n/status", None),
        ("/api/v1/watch/namespaces//pods", None),
        ("/apis/batch/v1", None),
        ("/api/v1", None),
        ("/apis", None),
        ("/", None),
        ("/version", None),
        ("/api/v1//pods", None),
        ("/api/v1/namespaces/n/pods/a/b/c", None),
    ],
)
def test_a_path_is_a_route(path, route):
    assert parse(path) == route
