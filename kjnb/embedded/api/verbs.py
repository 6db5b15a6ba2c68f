"""The verbs: what a request does to the store. Knows objects and rules, nothing of HTTP; says no by `Refused`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from kjnb.embedded.api import answers, deletion, patches, schema, selectors, strategy
from kjnb.embedded.api.resources import Resource
from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.api.validation import job as job_rules
from kjnb.embedded.store import AlreadyExists, Conflict, NotFound, Store

Object = dict[str, Any]
Objects = list[Object]
Words = list[str]
PATCHES = {
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/json-patch+json": "json",
}
KEPT_NAMESPACES = ("default", "kube-system")


class Options(NamedTuple):
    """What a write is asked to be besides: a try only, strict about unknown fields."""

    dry_run: bool = False
    validation: str = "Warn"


class Written(NamedTuple):
    """An object as it is after a write, and the warnings to send with it."""

    obj: Object
    warnings: list[str]


class Api:
    """The verbs over one store."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], new_uid: Callable[[], str]) -> None:
        self.store = store
        self.clock = clock
        self.new_uid = new_uid

    # -- reading

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """The object, or 404."""
        obj = self.store.get(resource.plural, namespace, name)
        if obj is None:
            raise answers.not_found(resource.plural, resource.group, name)
        return obj

    def list(self, resource: Resource, namespace: str | None, test: selectors.Test | None) -> Objects:
        """The objects that pass the selectors, by name; Events in the order in which things happened."""
        listed = self.store.oldest_first if resource.plural == "events" else self.store.list
        found = listed(resource.plural, namespace)
        return found if test is None else [obj for obj in found if test(obj)]

    # -- writing

    def create(self, resource: Resource, namespace: str | None, body: Any, options: Options) -> Written:
        """A new object."""
        obj, warnings = self.read(resource, body, options)
        meta = self._placed(resource, namespace, obj.get("metadata") or {})
        if meta.get("generateName") and not meta.get("name"):
            meta["name"] = strategy.generated_name(meta["generateName"], random.SystemRandom().choice)
        self._namespace_open(resource, namespace)
        obj = strategy.new_object(resource, {**obj, "metadata": meta}, self.new_uid())
        self._check(resource, obj, resource.check(obj))
        obj = strategy.labelled(resource, obj)
        if options.dry_run:
            if self.store.get(resource.plural, namespace, meta["name"]):
                raise answers.already_exists(resource.plural, resource.group, meta["name"])
            made = {**obj["metadata"], "creationTimestamp": stamp(self.clock().timestamp())}
            return Written({**obj, "metadata": made}, warnings)
        try:
            return Written(self.store.create(resource.plural, obj), warnings)
        except AlreadyExists:
            raise answers.already_exists(resource.plural, resource.group, meta["name"]) from None

    def update(
        self, resource: Resource, namespace: str | None, name: str, subresource: str | None, body: Any, options: Options
    ) -> Written:
        """An object's new state, whole."""
        old = self.get(resource, namespace, name)
        obj, warnings = self.read(resource, body, options)
        meta = self._placed(resource, namespace, obj.get("metadata") or {})
        if meta.get("name", name) != name:
            raise answers.bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
            )
        return self._replace(resource, {**obj, "metadata": {**meta, "name": name}}, old, subresource, options, warnings)

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        subresource: str | None,
        how: str,
        body: Any,
        options: Options,
    ) -> Written:
        """An object's new state, as a change of what it is."""
        old = self.get(resource, namespace, name)
        try:
            changed = self._patched(resource, old, how, body)
        except patches.PatchError as error:
            raise (answers.bad_request(str(error)) if error.malformed else answers.unprocessable()) from None
        obj, warnings = self.read(resource, changed, options)
        return self._replace(resource, obj, old, subresource, options, warnings)

    def _patched(self, resource: Resource, old: Object, how: str, body: Any) -> Any:
        if how == "json":
            return patches.json_patch(old, body)
        if not isinstance(body, dict):
            raise patches.PatchError("a patch is an object", malformed=True)
        if how == "merge":
            return patches.merge_patch(old, body)
        return patches.strategic_merge(old, body, schema.shape, resource.kind)

    def _replace(
        self,
        resource: Resource,
        obj: Object,
        old: Object,
        subresource: str | None,
        options: Options,
        warnings: Words,
    ) -> Written:
        given = obj["metadata"]
        if given.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
            raise answers.conflict(resource.plural, resource.group, old["metadata"]["name"], "Precondition failed: UID")
        if given.get("resourceVersion", old["metadata"]["resourceVersion"]) != old["metadata"]["resourceVersion"]:
            raise answers.conflict(resource.plural, resource.group, old["metadata"]["name"])
        new = strategy.new_state(resource, obj, old, subresource)
        check = (
            job_rules.status_update if subresource == "status" and resource.plural == "jobs" else resource.check_update
        )
        self._check(resource, new, check(new, old) if subresource != "status" or resource.plural == "jobs" else [])
        if options.dry_run:
            return Written(new, warnings)
        try:
            return Written(self.store.update(resource.plural, new), warnings)
        except Conflict:
            raise answers.conflict(resource.plural, resource.group, old["metadata"]["name"]) from None
        except NotFound:
            raise answers.not_found(resource.plural, resource.group, old["metadata"]["name"]) from None

    def delete(self, resource: Resource, namespace: str | None, name: str, options: Object, dry_run: bool) -> Object:
        """The object, or a Status, as Kubernetes answers."""
        obj = self.get(resource, namespace, name)
        self._may_delete(resource, obj, options)
        if dry_run:
            return obj
        grace, propagation = deletion_options(options)
        if resource.plural == "namespaces":
            self._empty(name)
        after, gone = deletion.request_deletion(
            self.store, resource.plural, obj, grace=grace, propagation=propagation, now=self.clock()
        )
        if not gone or resource.returns_deleted:
            return after
        details = answers.details_of(resource.plural, resource.group, name)
        return answers.success({**details, "uid": obj["metadata"]["uid"]})

    def delete_all(self, resource: Resource, found: Objects, options: Object, dry_run: bool) -> Objects:
        """Every one of them, as `delete` does; what vanished meanwhile is no error."""
        for obj in found:
            meta = obj["metadata"]
            if self.store.get(resource.plural, meta.get("namespace"), meta["name"]) is obj:
                self.delete(resource, meta.get("namespace"), meta["name"], options, dry_run)
        return found

    def _may_delete(self, resource: Resource, obj: Object, options: Object) -> None:
        meta = obj["metadata"]
        if resource.plural == "namespaces" and meta["name"] in KEPT_NAMESPACES:
            raise answers.forbidden(f'namespaces "{meta["name"]}" is forbidden: this namespace may not be deleted')
        wanted = options.get("preconditions") or {}
        for part, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if part in wanted and wanted[part] != meta[part]:
                why = (
                    f"Precondition failed: {word} in precondition: {wanted[part]}, {word} in object meta: {meta[part]}"
                )
                raise answers.conflict(resource.plural, resource.group, meta["name"], why)

    def _empty(self, namespace: str) -> None:
        """A namespace goes with all that is in it; pods that run keep their grace period."""
        for plural in ("jobs", "pods", "configmaps", "secrets", "events"):
            for obj in self.store.list(plural, namespace):
                if self.store.get(plural, namespace, obj["metadata"]["name"]) is not None:
                    deletion.request_deletion(
                        self.store, plural, obj, grace=None, propagation="Background", now=self.clock()
                    )

    # -- checks

    def read(self, resource: Resource, body: Any, options: Options) -> Written:
        """The document as this kind has it: known fields only, right types. 400 when it is something else."""
        if not isinstance(body, dict):
            words = f"the object provided is unrecognized (must be of type {resource.kind}): couldn't get version/kind"
            raise answers.bad_request(words)
        kind, version = body.get("kind", resource.kind), body.get("apiVersion", resource.api_version)
        said = f'{kind} in version "{version}" cannot be handled as a {resource.kind}'
        if kind != resource.kind or version != resource.api_version:
            raise answers.bad_request(f"{said}: it is not of kind {resource.kind} in version {resource.api_version}")
        try:
            obj, unknown = schema.read(resource.kind, body)
        except schema.Mismatch as error:
            raise answers.bad_request(f"{said}: {error}") from None
        warnings = [f'unknown field "{path}"' for path in unknown]
        if warnings and options.validation == "Strict":
            raise answers.bad_request(f"{said}: strict decoding error: {', '.join(warnings)}")
        whole = {**obj, "apiVersion": resource.api_version, "kind": resource.kind}
        return Written({"metadata": {}, **whole}, warnings if options.validation == "Warn" else [])

    def _placed(self, resource: Resource, namespace: str | None, meta: Object) -> Object:
        given = meta.get("namespace")
        if not resource.namespaced:
            return {name: value for name, value in meta.items() if name != "namespace"}
        if given and given != namespace:
            raise answers.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        return {**meta, "namespace": namespace}

    def _namespace_open(self, resource: Resource, namespace: str | None) -> None:
        if not resource.namespaced:
            return
        home = self.store.get("namespaces", None, namespace or "")
        if home is None:
            raise answers.not_found("namespaces", "", namespace or "")
        if home["metadata"].get("deletionTimestamp"):
            raise answers.forbidden(
                f"unable to create new content in namespace {namespace} because it is being terminated"
            )

    def _check(self, resource: Resource, obj: Object, found: Sequence[answers.FieldError]) -> None:
        if found:
            raise answers.invalid(resource.kind, resource.group, obj["metadata"].get("name", ""), found)


def deletion_options(options: Object) -> tuple[int | None, str | None]:
    """(grace period in seconds, propagation policy) of DeleteOptions. 400, 422."""
    propagation = options.get("propagationPolicy")
    if propagation is None and options.get("orphanDependents") is not None:
        propagation = "Orphan" if options["orphanDependents"] else "Background"
    if propagation not in (None, *deletion.FINALIZER_OF):
        known = ", ".join(f'"{one}"' for one in (*deletion.FINALIZER_OF, "nil"))
        error = answers.FieldError(
            "propagationPolicy",
            "FieldValueNotSupported",
            f'Unsupported value: "{propagation}": supported values: {known}',
        )
        raise answers.invalid("DeleteOptions", "meta.k8s.io", "", [error])
    grace = options.get("gracePeriodSeconds")
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool)):
        raise answers.bad_request(f"gracePeriodSeconds: {grace!r} is not a number")
    return grace, propagation
