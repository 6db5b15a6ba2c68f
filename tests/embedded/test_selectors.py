"""Label and field selectors: what passes, what is refused, what an event is for a watcher that selects."""

import pytest

from kjnb.embedded.api.selectors import (
    SelectorError,
    field,
    needed_labels,
    parse_fields,
    parse_labels,
    seen_as,
    selector,
)

LABELS = {"app": "web", "tier": "front", "n": "7"}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app=db", False),
        ("app!=db", True),
        ("app!=web", False),
        ("other!=x", True),
        ("app", True),
        ("other", False),
        ("!other", True),
        ("!app", False),
        ("app=web,tier=front", True),
        ("app=web,tier=back", False),
        ("app in (web, db)", True),
        ("app in (db)", False),
        ("app in ()", False),
        ("other in ()", False),
        ("app in (,web)", True),
        ("app in (db,)", False),
        ("app notin (db)", True),
        ("app notin (web,db)", False),
        ("other notin (x)", True),
        ("n>6", True),
        ("n>7", False),
        ("n<8", True),
        ("n < 7", False),
        ("app>1", False),
        ("other>1", False),
        ("app notin (db),n", True),
        ("app=", False),
        ("app=,n", False),
        ("other=", False),
        ("a.b/c!=x", True),
    ],
)
def test_labels(text, passes):
    assert all(test(LABELS) for test in parse_labels(text)) is passes


@pytest.mark.parametrize(
    "text",
    [
        "a in (",
        "a in",
        "a in (=)",
        "=x",
        "a=b c",
        "a>x",
        "a=(",
        "a b",
        "!=x",
        "a in (x))",
        "a ! b",
        ",a",
        "a!=!",
        "a=b,",
        "a=-x",
        "a in (x y)",
        "a in (b_)",
        "a/b/c=x",
        "A_/b",
        "a>-1",
        "!a_",
        "a notin (x,=)",
    ],
)
def test_refused_labels(text):
    with pytest.raises(SelectorError):
        parse_labels(text)


POD = {
    "metadata": {"name": "p", "labels": LABELS},
    "status": {"phase": "Running"},
    "spec": {"unschedulable": True, "x": False},
}
KNOWN = frozenset({"metadata.name", "status.phase", "spec.nodeName"})


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("metadata.name=p", True),
        ("metadata.name==q", False),
        (r"metadata.name!=a\,b\=c\\d", True),
        ("status.phase!=Failed", True),
        ("spec.nodeName=", True),
        ("spec.nodeName!=", False),
        ("metadata.name=p,status.phase=Running", True),
        ("metadata.name=p,", True),
    ],
)
def test_fields(text, passes):
    assert all(test(POD) for test in parse_fields(text, KNOWN)) is passes


@pytest.mark.parametrize(
    ("text", "words"), [("status.nope=x", "not supported: status.nope"), ("nonsense", "can't understand")]
)
def test_refused_fields(text, words):
    with pytest.raises(SelectorError, match=words):
        parse_fields(text, KNOWN)


def test_a_field_is_seen_as_text():
    assert field(POD, ("spec", "unschedulable")) == "true"
    assert field(POD, ("spec", "x")) == "false"
    assert field(POD, ("metadata", "name", "deeper")) == ""


def test_both_selectors_are_one_test():
    both = selector("app=web", "status.phase=Running", KNOWN)
    assert both(POD)
    assert not both({**POD, "status": {"phase": "Failed"}})
    assert not both({"metadata": {"name": "p"}, "status": {"phase": "Running"}})
    assert selector("", "", KNOWN) is None


@pytest.mark.parametrize(
    ("kind", "old", "new", "seen"),
    [
        ("ADDED", None, "web", "ADDED"),
        ("MODIFIED", "web", "web", "MODIFIED"),
        ("MODIFIED", "db", "web", "ADDED"),
        ("MODIFIED", "web", "db", "DELETED"),
        ("MODIFIED", "db", "db", None),
        ("DELETED", "web", "web", "DELETED"),
        ("DELETED", "db", "db", None),
        ("ADDED", None, "db", None),
    ],
)
def test_entering_and_leaving_a_selector(kind, old, new, seen):
    def obj(app):
        return None if app is None else {"metadata": {"labels": {"app": app}}}

    assert seen_as(kind, obj(new), obj(old), selector("app=web", "", KNOWN)) == seen


@pytest.mark.parametrize(
    ("labels", "needed"),
    [("a=b,c==d,e!=f,!g,h", {"a": "b", "c": "d"}), ("e in (x,y)", {}), ("a=", {"a": ""}), ("", {})],
)
def test_the_labels_that_every_object_must_have(labels, needed):
    assert needed_labels(selector(labels, "", frozenset())) == needed


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("spec.unschedulable=false", True),
        ("status.successful=0", False),
        ("status.successful=3", True),
        ("source=kubelet", True),
        ("source!=job-controller", True),
        ("name=a", True),
    ],
)
def test_fields_that_are_elsewhere_or_not_set(text, passes):
    obj = {"metadata": {"name": "a"}, "status": {"succeeded": 3}, "source": {}, "reportingComponent": "kubelet"}
    known = frozenset({"spec.unschedulable", "status.successful", "source", "name"})
    test = selector("", text, known)
    assert test is not None
    assert test(obj) is passes


@pytest.mark.parametrize("text", ["metadata.name=a=b", "metadata.name=a\\b", "metadata.name=a\\"])
def test_values_of_fields_are_escaped_or_refused(text):
    with pytest.raises(SelectorError, match="invalid field selector"):
        parse_fields(text, KNOWN)


def test_an_escaped_value_stands_for_another():
    pod = {"metadata": {"name": "a,b=c"}}
    assert all(test(pod) for test in parse_fields(r"metadata.name=a\,b\=c", KNOWN))
