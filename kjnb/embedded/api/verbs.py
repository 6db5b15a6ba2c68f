"""The verbs: what a request does to the store. Knows objects and rules, nothing of HTTP; says no by `Refused`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from kjnb.embedded.api import answers, caveats, deletion, namespaces, paging, patches, schema, selectors, strategy
from kjnb.embedded.api.list_options import ListOptions
from kjnb.embedded.api.resources import Resource
from kjnb.embedded.api.timestamps import stamp
from kjnb.embedded.api.validation import core, job_status
from kjnb.embedded.api.validation.errors import unsupported, wrong
from kjnb.embedded.api.validation.meta import of_every_kind
from kjnb.embedded.store.store import AlreadyExists, Conflict, Expired, NotFound, Store

Object = dict[str, Any]
Objects = list[Object]
Words = list[str]
PATCHES = {
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/json-patch+json": "json",
}


class Options(NamedTuple):
    """What a write is asked to be besides: a try only, strict about fields that are unknown, or given `twice`."""

    dry_run: bool = False
    validation: str = "Warn"
    twice: tuple[str, ...] = ()


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
        if labels := selectors.needed_labels(test):
            found = self.store.labelled(resource.plural, namespace, labels)
        else:
            listed = self.store.oldest_first if resource.plural == "events" else self.store.list
            found = listed(resource.plural, namespace)
        return found if test is None else [obj for obj in found if test(obj)]

    def listed(
        self, resource: Resource, namespace: str | None, test: selectors.Test | None, options: ListOptions
    ) -> tuple[Objects, Object]:
        """(the objects, the list's metadata): now, or as they were at a version; a page of them. 400, 410, 504."""
        mark = paging.opened(options.mark) if options.mark else None
        version = mark.version if mark else int(options.version) if options.at_version else None
        current = self.store.resource_version
        if (wanted := int(options.version or 0) if version is None else version) > current:
            raise answers.future_version(wanted, current)
        if version is None or version == current:
            found, version = self.list(resource, namespace, test), current
        else:
            found = [obj for obj in self._at(resource, namespace, version, mark) if test is None or test(obj)]
        return paging.page(found, options.limit, mark, version, counted=test is None)

    def _at(self, resource: Resource, namespace: str | None, version: int, mark: paging.Mark | None) -> Objects:
        try:
            return self.store.at(resource.plural, namespace, version)
        except Expired as error:
            raise (paging.too_old(mark) if mark else answers.expired(str(error))) from None

    # -- writing

    def create(self, resource: Resource, namespace: str | None, body: Any, options: Options) -> Written:
        """A new object."""
        obj, warnings = self.read(resource, body, options)
        meta = self._placed(resource, namespace, obj.get("metadata") or {})
        if meta.get("generateName") and not meta.get("name"):
            meta["name"] = strategy.generated_name(meta["generateName"], random.SystemRandom().choice)
        obj = strategy.new_object(resource, {**obj, "metadata": meta}, self.new_uid())
        self._check(resource, obj, resource.check(obj))
        warnings = [*warnings, *caveats.of_new(resource.plural, obj)]
        obj = strategy.labelled(resource, obj)
        if resource.namespaced:
            home = self.store.get("namespaces", None, namespace or "")
            namespaces.refuse_content(home, namespace or "", resource.plural, resource.group, obj["metadata"]["name"])
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
            changed = self._patched(resource, resource.view(old), how, body)
        except patches.PatchError as error:
            raise (answers.bad_request(str(error)) if error.malformed else answers.unprocessable()) from None
        try:
            obj, warnings = self.read(resource, changed, options)
        except answers.Refused as refusal:
            raise answers.invalid("", "", "", [wrong("patch", body, refusal.status["message"])]) from None
        obj = {**obj, "metadata": self._placed(resource, namespace, obj["metadata"])}
        return self._replace(resource, obj, old, subresource, options, warnings)

    def _patched(self, resource: Resource, old: Object, how: str, body: Any) -> Any:
        if how == "json":
            return patches.json_patch(old, body)
        if not isinstance(body, dict):
            raise patches.PatchError("a patch is an object", malformed=True)
        if how == "merge":
            return patches.merge_patch(old, body)
        return patches.strategic_merge(old, body, schema.shape, resource.type)

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
        common = of_every_kind(new["metadata"], old["metadata"])
        self._check(resource, new, common + checks(resource, subresource)(new, old))
        warnings = [*warnings, *caveats.of_update(resource.plural, new, old)]
        if options.dry_run:
            return Written(new, warnings)
        try:
            return Written(self.store.update(resource.plural, new), warnings)
        except Conflict:
            raise answers.conflict(resource.plural, resource.group, old["metadata"]["name"]) from None
        except NotFound:
            raise answers.not_found(resource.plural, resource.group, old["metadata"]["name"]) from None

    def delete(self, resource: Resource, namespace: str | None, name: str, options: Object) -> tuple[Object, int]:
        """(the object, or a Status; the code), as Kubernetes answers."""
        obj = self.get(resource, namespace, name)
        self._may_delete(resource, obj, options)
        grace, propagation = deletion_options(options)
        after, gone = obj, True
        if not options.get("dryRun"):
            after, gone = deletion.request_deletion(
                self.store, resource.plural, obj, grace=grace, propagation=propagation, now=self.clock()
            )
        code = 202 if not gone and options.get("orphanDependents") is False else 200
        if not gone or resource.returns_deleted:
            return after, code
        details = answers.details_of(resource.plural, resource.group, name)
        return answers.success({**details, "uid": obj["metadata"]["uid"]}), code

    def delete_all(self, resource: Resource, found: Objects, options: Object) -> Objects:
        """Every one of them, as `delete` does; what vanished meanwhile is no error."""
        deletion_options(options)
        for obj in found:
            meta = obj["metadata"]
            if self.store.get(resource.plural, meta.get("namespace"), meta["name"]) is obj:
                self.delete(resource, meta.get("namespace"), meta["name"], options)
        return found

    def _may_delete(self, resource: Resource, obj: Object, options: Object) -> None:
        meta = obj["metadata"]
        if resource.plural == "namespaces" and meta["name"] in namespaces.KEPT:
            raise answers.forbidden(f'namespaces "{meta["name"]}" is forbidden: this namespace may not be deleted')
        preconditions(resource, obj, options)

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
            obj, unknown = schema.read(resource.type, body)
        except schema.Mismatch as error:
            raise answers.bad_request(f"{said}: {error}") from None
        warnings = [f'unknown field "{path}"' for path in unknown]
        warnings += [f'duplicate field "{path}"' for path in options.twice]
        if warnings and options.validation == "Strict":
            raise answers.bad_request(f"{said}: strict decoding error: {', '.join(warnings)}")
        whole = {"metadata": {}, **obj, "apiVersion": resource.api_version, "kind": resource.kind}
        kept = resource.kept(whole) if resource.kept else whole
        return Written(kept, warnings if options.validation == "Warn" else [])

    def _placed(self, resource: Resource, namespace: str | None, meta: Object) -> Object:
        given = meta.get("namespace")
        if not resource.namespaced:
            return {name: value for name, value in meta.items() if name != "namespace"}
        if given and given != namespace:
            raise answers.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        return {**meta, "namespace": namespace}

    def _check(self, resource: Resource, obj: Object, found: Sequence[answers.FieldError]) -> None:
        if found:
            raise answers.invalid(resource.kind, resource.group, obj["metadata"].get("name", ""), found)


def checks(resource: Resource, subresource: str | None) -> Callable[[Object, Object], list[answers.FieldError]]:
    """What holds a new state against the stored one; a status by itself only where it has rules of its own."""
    if subresource is None or subresource == "finalize":
        return resource.check_update
    return job_status.status_update if resource.plural == "jobs" else core.plain_update


def preconditions(resource: Resource, obj: Object, options: Object) -> None:
    """What DeleteOptions say that the object must still be. 409."""
    meta, wanted = obj["metadata"], options.get("preconditions") or {}
    for part, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if wanted.get(part) is not None and wanted[part] != meta[part]:
            why = f"Precondition failed: {word} in precondition: {wanted[part]}, {word} in object meta: {meta[part]}"
            raise answers.conflict(resource.plural, resource.group, meta["name"], why)


def deletion_options(options: Object) -> tuple[int | None, str | None]:
    """(grace period in seconds, propagation policy) of DeleteOptions. 400, 422."""
    propagation, orphan = options.get("propagationPolicy"), options.get("orphanDependents")
    grace = options.get("gracePeriodSeconds")
    if grace is not None and abs(grace) >= 2**31:
        raise answers.bad_request(f"gracePeriodSeconds: {grace} is too many seconds")
    field, known, found = "propagationPolicy", tuple(deletion.FINALIZER_OF), []
    if propagation is not None and orphan is not None:
        found.append(wrong(field, propagation, "orphanDependents and deletionPropagation cannot be both set"))
    if propagation not in (None, *known):
        found.append(unsupported(field, propagation, (*known, "nil")))
    if found:
        raise answers.invalid("DeleteOptions", "meta.k8s.io", "", found)
    if orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    return grace, propagation
