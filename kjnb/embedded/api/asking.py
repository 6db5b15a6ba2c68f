"""What a request says, read once: query, options, selectors, body. Every value that makes no sense is refused here."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest

from kjnb.embedded.api import answers, bodies, list_options, representation, schema, selectors
from kjnb.embedded.api.resources import Resource
from kjnb.embedded.api.validation.errors import unsupported
from kjnb.embedded.api.verbs import Options

Object = dict[str, Any]
BODY_LIMIT = 3 * 1024 * 1024
DELETE_VERSIONS = ("v1", "meta.k8s.io/v1", "batch/v1", "events.k8s.io/v1", "policy/v1")
VALIDATIONS = ("Ignore", "Strict", "Warn")


class Asking:
    """One request, as its parts are needed."""

    def __init__(self, request: HTTPServerRequest) -> None:
        self.request = request
        self.form = representation.WHOLE

    def query(self, name: str) -> str:
        """A parameter of the query; empty when it is not there."""
        return self.given(name) or ""

    def given(self, name: str) -> str | None:
        """A parameter of the query; None when it is not there."""
        values = self.request.query_arguments.get(name)
        return values[0].decode("utf-8", "replace") if values else None

    def read_form(self) -> None:
        """What form the answer is to have. 406."""
        self.form = representation.form(self.request.headers.get("Accept", ""), self.query("includeObject"))

    # -- options

    def list_options(self, *, watch: bool = False) -> list_options.ListOptions:
        """How to list or watch. 400, 422."""
        return list_options.parse(self.given, watch=watch)

    def options(self, kind: str = "Options") -> Options:
        """How to write. 422."""
        validation = self.query("fieldValidation") or "Warn"
        if validation not in VALIDATIONS:
            error = unsupported("fieldValidation", validation, ("", *VALIDATIONS))
            raise answers.invalid(kind, "meta.k8s.io", "", [error])
        return Options(self.dry_run(kind), validation)

    def dry_run(self, kind: str) -> bool:
        """Whether it is a try only. 422."""
        given = [one.decode("utf-8", "replace") for one in self.request.query_arguments.get("dryRun", [])]
        checked_dry_run([one for one in given if one], kind)
        return "All" in given

    def delete_options(self) -> Object:
        """DeleteOptions, of the body or of the query. 400."""
        body = self.body("DeleteOptions") if self.request.body.strip() else {}
        options = schema.posted(body, "DeleteOptions", DELETE_VERSIONS)
        if policy := self.query("propagationPolicy"):
            options.setdefault("propagationPolicy", policy)
        orphan = list_options.flag(self.given("orphanDependents"))
        if orphan is not None:
            options.setdefault("orphanDependents", orphan)
        if seconds := self.query("gracePeriodSeconds"):
            options.setdefault("gracePeriodSeconds", list_options.number(seconds))
        tried = options.get("dryRun", [])
        checked_dry_run(tried, "DeleteOptions")
        return {**options, "dryRun": ["All"]} if self.dry_run("DeleteOptions") or tried else options

    def selector(self, resource: Resource, labels: str, fields: str) -> selectors.Test | None:
        """Both selectors as a test. 400."""
        try:
            test = selectors.selector(labels, fields, resource.fields)
        except selectors.SelectorError as error:
            raise answers.bad_request(str(error)) from None
        if test is None or resource.shown is None or not fields:
            return test
        chosen = test
        return lambda obj: chosen(resource.view(obj))

    # -- bodies

    @property
    def content_type(self) -> str:
        """The kind of the body; JSON unless it is said."""
        return self.request.headers.get("Content-Type", bodies.JSON).partition(";")[0].strip().lower()

    def raw(self) -> bytes:
        """The body, unless it is too long. 413."""
        if len(self.request.body) > BODY_LIMIT:
            raise answers.too_large(BODY_LIMIT)
        return self.request.body

    def body(self, kind: str) -> Any:
        """The document of the body. 400, 415."""
        if self.content_type == bodies.PROTOBUF:
            return bodies.from_protobuf(self.raw())
        if self.content_type == bodies.YAML:
            return bodies.from_yaml(self.raw(), kind)
        if self.content_type not in (bodies.JSON, "*/*", ""):
            raise answers.unsupported_media_type(self.content_type, [bodies.JSON, bodies.YAML, bodies.PROTOBUF])
        return bodies.decoded(self.raw(), kind)

    def twice(self, options: Options) -> list[str]:
        """The fields that the body gives more than once, where somebody wants to know."""
        if options.validation == "Ignore" or self.content_type in (bodies.PROTOBUF, bodies.YAML):
            return []
        return bodies.twice(self.raw())


def checked_dry_run(given: list[str], kind: str) -> None:
    """The one thing that can be tried is everything. 422."""
    wrong = [one for one in given if one != "All"]
    if wrong:
        raise answers.invalid(kind, "meta.k8s.io", "", [unsupported("dryRun", wrong[0], ("All",))])
