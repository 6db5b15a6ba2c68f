"""Where a pod may run: tolerations, affinity, spreading."""

from __future__ import annotations

from typing import Any

from kjnb.embedded.api.answers import FieldError
from kjnb.embedded.api.validation import meta
from kjnb.embedded.api.validation.errors import duplicate, forbidden, required, unsupported, wrong

Object = dict[str, Any]
EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
REQUIRED, PREFERRED = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))


def placement(spec: Object, field: str) -> list[FieldError]:
    """All of it."""
    found = meta.labels(spec.get("nodeSelector") or {}, f"{field}.nodeSelector")
    affinity = spec.get("affinity") or {}
    if "nodeAffinity" in affinity:
        found += node_affinity(affinity["nodeAffinity"], f"{field}.affinity.nodeAffinity")
    for kind in ("podAffinity", "podAntiAffinity"):
        if kind in affinity:
            found += pod_affinity(affinity[kind], f"{field}.affinity.{kind}")
    found += spreading(spec.get("topologySpreadConstraints") or [], f"{field}.topologySpreadConstraints")
    return found + tolerations(spec, field)


def tolerations(spec: Object, field: str) -> list[FieldError]:
    """Every toleration of a pod."""
    pairs = enumerate(spec.get("tolerations") or [])
    return [error for place, one in pairs for error in toleration(one, f"{field}.tolerations[{place}]")]


def toleration(one: Object, field: str) -> list[FieldError]:
    """What taints are passed over, and for how long."""
    key, operator, value, effect = (one.get(part, "") for part in ("key", "operator", "value", "effect"))
    found = [wrong(f"{field}.key", key, words) for words in meta.qualified_name(key)] if key else []
    if not key and operator != "Exists":
        words = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        found.append(wrong(f"{field}.operator", operator, words))
    if "tolerationSeconds" in one and effect != "NoExecute":
        found.append(wrong(f"{field}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    if operator in ("", "Equal"):
        if said := meta.label_value(value):
            found.append(wrong(f"{field}.operator", value, ";".join(said)))
    elif operator == "Exists":
        if value:
            words = "value must be empty when `operator` is 'Exists'"
            found.append(wrong(f"{field}.operator", one, words))
    else:
        found.append(unsupported(f"{field}.operator", operator, ("Equal", "Exists")))
    return found if effect in ("", *EFFECTS) else [*found, unsupported(f"{field}.effect", effect, EFFECTS)]


def node_affinity(given: Object, field: str) -> list[FieldError]:
    """Nodes that are needed, and nodes that are liked."""
    found: list[FieldError] = []
    if REQUIRED in given:
        terms, at = given[REQUIRED].get("nodeSelectorTerms") or [], f"{field}.{REQUIRED}.nodeSelectorTerms"
        if not terms:
            found.append(required(at, "must have at least one node selector term"))
        for place, term in enumerate(terms):
            found += node_term(term, f"{at}[{place}]")
    for place, liked in enumerate(given.get(PREFERRED) or []):
        at = f"{field}.{PREFERRED}[{place}]"
        found += weight(liked, at) + node_term(liked.get("preference") or {}, f"{at}.preference", values=False)
    return found


def weight(liked: Object, field: str) -> list[FieldError]:
    """How much something is liked."""
    given = liked.get("weight", 0)
    return [] if 1 <= given <= 100 else [wrong(f"{field}.weight", given, "must be in the range 1-100")]


def node_term(term: Object, field: str, *, values: bool = True) -> list[FieldError]:
    """Labels and fields of a node; what is only liked may name values that no label can have."""
    found: list[FieldError] = []
    for place, one in enumerate(term.get("matchExpressions") or []):
        at = f"{field}.matchExpressions[{place}]"
        found += requirement(one, at, numbers=True, labels=values)
    for place, one in enumerate(term.get("matchFields") or []):
        found += node_field(one, f"{field}.matchFields[{place}]")
    return found


def node_field(one: Object, field: str) -> list[FieldError]:
    """A node by its name."""
    found, key, values = [], one.get("key", ""), one.get("values") or []
    if one.get("operator") not in ("In", "NotIn"):
        found.append(wrong(f"{field}.operator", one.get("operator", ""), "not a valid selector operator"))
    elif len(values) != 1:
        words = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        found.append(required(f"{field}.values", words))
    if key != "metadata.name":
        return [*found, wrong(f"{field}.key", key, "not a valid field selector key")]
    for place, name in enumerate(values):
        found += [wrong(f"{field}.values[{place}]", name, words) for words in meta.dns_subdomain(name)]
    return found


def requirement(one: Object, field: str, *, numbers: bool = False, labels: bool = True) -> list[FieldError]:
    """One expression of a selector by labels; with `numbers` labels are compared, without `labels` values are free."""
    key, operator, values = one.get("key", ""), one.get("operator", ""), one.get("values") or []
    found = []
    if operator in ("In", "NotIn"):
        if not values:
            found.append(required(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            found.append(forbidden(f"{field}.values", words))
    elif numbers and operator in ("Gt", "Lt"):
        if len(values) != 1:
            words = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            found.append(required(f"{field}.values", words))
    else:
        found.append(wrong(f"{field}.operator", operator, "not a valid selector operator"))
    found += [wrong(f"{field}.key", key, words) for words in meta.qualified_name(key)]
    for place, value in enumerate(values if labels else []):
        found += [wrong(f"{field}.values[{place}]", value, words) for words in meta.label_value(value)]
    return found


def selector(given: Object, field: str) -> list[FieldError]:
    """A selector by labels."""
    found = meta.labels(given.get("matchLabels") or {}, f"{field}.matchLabels")
    for place, one in enumerate(given.get("matchExpressions") or []):
        found += requirement(one, f"{field}.matchExpressions[{place}]")
    return found


def pod_affinity(given: Object, field: str) -> list[FieldError]:
    """Pods that are to be near, or far."""
    found: list[FieldError] = []
    for place, term in enumerate(given.get(REQUIRED) or []):
        found += pod_term(term, f"{field}.{REQUIRED}[{place}]")
    for place, liked in enumerate(given.get(PREFERRED) or []):
        at = f"{field}.{PREFERRED}[{place}]"
        found += weight(liked, at) + pod_term(liked.get("podAffinityTerm") or {}, f"{at}.podAffinityTerm")
    return found


def pod_term(term: Object, field: str) -> list[FieldError]:
    """Which pods, and how near."""
    found: list[FieldError] = []
    for kind in ("labelSelector", "namespaceSelector"):
        if kind in term:
            found += selector(term[kind], f"{field}.{kind}")
    for name in term.get("namespaces") or []:
        found += [wrong(f"{field}.namespace", name, words) for words in meta.dns_label(name)]
    for kind in ("matchLabelKeys", "mismatchLabelKeys"):
        found += label_keys(term, kind, f"{field}.{kind}")
    both = set(term.get("matchLabelKeys") or []) & set(term.get("mismatchLabelKeys") or [])
    words = "exists in both matchLabelKeys and mismatchLabelKeys"
    found += [wrong(f"{field}.matchLabelKeys", key, words) for key in sorted(both)]
    key = term.get("topologyKey", "")
    found += [] if key else [required(f"{field}.topologyKey", "can not be empty")]
    return found + [wrong(f"{field}.topologyKey", key, words) for words in meta.qualified_name(key)]


def label_keys(given: Object, kind: str, field: str) -> list[FieldError]:
    """Keys whose values are taken from the new pod: beside a selector, and none that it names itself."""
    keys, chosen = given.get(kind) or [], given.get("labelSelector")
    if keys and chosen is None:
        return [forbidden(field, "must not be specified when labelSelector is not set")]
    named = {one.get("key") for one in (chosen or {}).get("matchExpressions") or []} | set(
        (chosen or {}).get("matchLabels") or {}
    )
    found: list[FieldError] = []
    for place, key in enumerate(keys):
        found += [wrong(f"{field}[{place}]", key, words) for words in meta.qualified_name(key)]
        if key in named:
            found.append(wrong(f"{field}[{place}]", key, "exists in both matchLabelKeys and labelSelector"))
    return found


def spreading(given: list[Object], field: str) -> list[FieldError]:
    """How evenly pods are spread over places."""
    found: list[FieldError] = []
    pairs = [(one.get("topologyKey", ""), one.get("whenUnsatisfiable", "")) for one in given]
    for place, one in enumerate(given):
        at = f"{field}[{place}]"
        found += spread(one, at) + label_keys(one, "matchLabelKeys", f"{at}.matchLabelKeys")
        if not one.get("topologyKey"):
            found.append(required(f"{at}.topologyKey", "can not be empty"))
        if pairs[place] in pairs[place + 1 :]:
            found.append(duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", "{" + ", ".join(pairs[place]) + "}"))
        if "labelSelector" in one:
            found += selector(one["labelSelector"], f"{at}.labelSelector")
    return found


def spread(one: Object, field: str) -> list[FieldError]:
    """The numbers and policies of one constraint."""
    skew, how, least = one.get("maxSkew", 0), one.get("whenUnsatisfiable", ""), one.get("minDomains")
    found = [] if skew > 0 else [wrong(f"{field}.maxSkew", skew, "must be greater than zero")]
    if how not in ("DoNotSchedule", "ScheduleAnyway"):
        found.append(unsupported(f"{field}.whenUnsatisfiable", how, ("DoNotSchedule", "ScheduleAnyway")))
    if least is not None and least <= 0:
        found.append(wrong(f"{field}.minDomains", least, "must be greater than zero"))
    if least is not None and how != "DoNotSchedule":
        words = 'can only use minDomains if whenUnsatisfiable=DoNotSchedule, not "ScheduleAnyway"'
        found.append(wrong(f"{field}.minDomains", least, words))
    policies, known = ("nodeAffinityPolicy", "nodeTaintsPolicy"), ("Honor", "Ignore")
    odd = [name for name in policies if one.get(name) not in (None, *known)]
    return found + [unsupported(f"{field}.{name}", one[name], known) for name in odd]
