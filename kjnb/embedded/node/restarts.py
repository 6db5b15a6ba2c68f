"""PURE: whether a container that ended starts again, and when, as a kubelet decides."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
MOST = 30  # times the base of the back-off: five minutes with Kubernetes' ten seconds
FORGOTTEN_AFTER = 2 * MOST  # times the base: after ten minutes of running the next failure counts as the first


def is_sidecar(container: Object, init: bool) -> bool:
    """Whether an init container runs beside all that come after it."""
    return init and container.get("restartPolicy") == "Always"


def restarts_all(container: Object, code: int) -> bool:
    """Whether all containers of its pod start anew when it ends with that code."""
    rule = _rule(container, code)
    return rule is not None and rule.get("action") == "RestartAllContainers"


def wanted(container: Object, init: bool, pod_policy: str, code: int, condemned: bool = False) -> bool:
    """Whether it starts again after that exit code; `condemned` if a probe ended it."""
    own = container.get("restartPolicy")
    if init and own != "Always" and code == 0:
        return False
    rule = _rule(container, code)
    if rule is not None and rule.get("action") == "Restart":
        return True
    policy = own or pod_policy
    if policy == "Never":
        return False
    return code != 0 or condemned or policy == "Always"


def _rule(container: Object, code: int) -> Object | None:
    """The first rule that speaks of that code; rules stand beside a policy of the container's own."""
    rules = container.get("restartPolicyRules") if container.get("restartPolicy") else None
    return next((rule for rule in rules or () if _matches(rule.get("exitCodes") or {}, code)), None)


def _matches(codes: Object, code: int) -> bool:
    return (code in (codes.get("values") or ())) == (codes.get("operator") == "In")


def delay(step: int, base: float) -> float:
    """Seconds of back-off before the restart of that number since the first, or since it was forgotten."""
    return 0.0 if step == 0 else base * min(2 ** min(step - 1, 16), MOST)


def is_forgotten(ran: float, base: float) -> bool:
    """Whether a container that ran so many seconds backs off anew."""
    return ran > base * FORGOTTEN_AFTER


def go_duration(seconds: float) -> str:
    """As Go prints a duration: 10s, 1m20s, 5m0s, 1.5s, 100ms."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms" if seconds else "0s"
    whole, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(whole), 60)
    said = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{said}{rest:.9g}s"
