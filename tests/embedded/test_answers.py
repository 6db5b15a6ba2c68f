"""Status objects: Kubernetes' codes, reasons and words."""

import pytest

from kjnb.embedded.api import answers

GONE = answers.FieldError(
    "spec.completions", "FieldValueInvalid", "Invalid value: -1: must be greater than or equal to 0"
)
OTHER = GONE._replace(field="spec.parallelism")


@pytest.mark.parametrize(
    ("refused", "code", "reason", "words"),
    [
        (answers.not_found("jobs", "batch", "a"), 404, "NotFound", 'jobs.batch "a" not found'),
        (answers.not_found("pods", "", "a"), 404, "NotFound", 'pods "a" not found'),
        (answers.no_such_path(), 404, "NotFound", "could not find the requested resource"),
        (answers.already_exists("pods", "", "a"), 409, "AlreadyExists", 'pods "a" already exists'),
        (answers.conflict("pods", "", "a"), 409, "Conflict", "the object has been modified"),
        (answers.conflict("pods", "", "a", "because"), 409, "Conflict", 'on pods "a": because'),
        (answers.bad_request("what"), 400, "BadRequest", "what"),
        (answers.unauthorized(), 401, "Unauthorized", "Unauthorized"),
        (answers.forbidden("no"), 403, "Forbidden", "no"),
        (answers.method_not_allowed(), 405, "MethodNotAllowed", "does not allow this method"),
        (answers.expired("old"), 410, "Expired", "old"),
        (answers.too_large(3), 413, "RequestEntityTooLarge", "limit is 3"),
        (
            answers.unsupported_media_type("a/b", ["c/d"]),
            415,
            "UnsupportedMediaType",
            "a/b; accepted media types include: c/d",
        ),
        (answers.unprocessable(), 422, "Invalid", "rejected our request"),
        (answers.internal("disk full"), 500, "InternalError", "disk full"),
        (
            answers.invalid("Job", "batch", "a", [GONE]),
            422,
            "Invalid",
            'Job.batch "a" is invalid: spec.completions: Invalid',
        ),
        (answers.invalid("Job", "batch", "a", [GONE, OTHER]), 422, "Invalid", "is invalid: [spec.completions"),
        (answers.invalid("Job", "batch", "a", [GONE, GONE]), 422, "Invalid", "is invalid: spec.completions"),
        (answers.invalid("", "", "", [GONE]), 422, "Invalid", "the request is invalid: spec.completions"),
    ],
)
def test_a_refusal(refused, code, reason, words):
    said = refused.status
    assert (said["kind"], said["apiVersion"], said["status"]) == ("Status", "v1", "Failure")
    assert (refused.code, said["code"], said["reason"]) == (code, code, reason)
    assert words in said["message"]
    assert words in str(refused)


def test_details_name_whom_it_is_about():
    assert answers.not_found("jobs", "batch", "a").status["details"] == {"name": "a", "group": "batch", "kind": "jobs"}
    causes = answers.invalid("Job", "batch", "a", [GONE]).status["details"]["causes"]
    assert causes == [{"reason": "FieldValueInvalid", "message": GONE.message, "field": "spec.completions"}]


def test_a_refusal_without_a_reason_and_a_yes():
    assert "reason" not in answers.failure(500, None, "x")
    assert answers.success({"name": "a"})["status"] == "Success"
