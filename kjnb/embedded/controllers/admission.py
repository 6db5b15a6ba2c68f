"""Why the API server would not take a Job's new pod: what its template names is not there."""

from __future__ import annotations

from collections.abc import Callable

from kjnb.embedded.api.defaults import SYSTEM_PRIORITIES
from kjnb.embedded.controllers.job_pods import Object

Known = Callable[[str, str, str], bool]  # resource, namespace, name


def refusal(pod: Object, known: Known) -> str:
    """The words of the refusal; empty when there is none."""
    meta, spec = pod["metadata"], pod["spec"]
    said = f'pods "{meta["generateName"]}" is forbidden: '
    account, space = spec.get("serviceAccountName", "default"), meta["namespace"]
    if account != "default" and not known("serviceaccounts", space, account):
        return f'{said}error looking up service account {space}/{account}: serviceaccount "{account}" not found'
    name = spec.get("priorityClassName")
    if name and name not in SYSTEM_PRIORITIES:
        return f"{said}no PriorityClass with name {name} was found"
    return ""
