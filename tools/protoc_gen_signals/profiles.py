"""The two profiles of the alerts: the same rules with the time scale of a cluster and of one machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Burn:
    """An alert fires if calls use up the error budget `factor` times as fast as in 30 days, in both windows."""

    factor: float
    long: str
    short: str
    """The alert ends soon after the fault, as soon as this window is clean."""


@dataclass(frozen=True)
class Profile:
    """How often rules are evaluated, and over which times."""

    name: str
    interval: str
    """Of the rules whose windows are short."""
    slow_interval: str
    """Of the rules whose windows are hours, and of the constants."""
    page: tuple[Burn, ...]
    """Each of them alone wakes a person."""
    ticket: tuple[Burn, ...]
    min_bad: int
    """An objective is missed by at least this many calls in the long window: one failed call of three is no outage."""
    pending: str
    """How long a condition holds before the alert fires: longer than the causes need to show in the metrics."""
    hold: str
    """How long after its end a fault still explains bad calls: longer than the short windows contain it."""
    down: str
    """How long an instance sends no metrics before it is down. A Pod that a rollout ends remains a target for less."""
    known: str
    """How long it is known that an instance, or a part of the control plane, has responded."""
    recent: str
    """What happened within this time is recent: a restart, a rejected call, a record in a dead-letter topic."""
    probes: str
    """The time of several probes, one each 15 s."""
    settle: str
    """How long the books of two services differ before it is no difference of when they were measured."""
    delay: str
    """How long events and orders may be late."""
    delay_seconds: int

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows of all indicators, without duplicates."""
        burns = (*self.page, *self.ticket)
        return tuple(dict.fromkeys(window for burn in burns for window in (burn.short, burn.long)))


HOURS = ("h", "d")
"""The units of windows that are evaluated at `slow_interval`."""
# The windows and factors of "Alerting on SLOs" in Google's SRE workbook: 2 % of the budget of 30 days in an hour, 5 %
# in six hours, 10 % in three days.
CLUSTER = Profile(
    name="cluster",
    interval="30s",
    slow_interval="5m",
    page=(Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m")),
    ticket=(Burn(1, "3d", "6h"),),
    min_bad=10,
    pending="2m",
    hold="35m",
    down="2m",
    known="1h",
    recent="10m",
    probes="5m",
    settle="1h",
    delay="5m",
    delay_seconds=300,
)
# A local mesh runs for minutes. Its alerts show what a fault does, within 60 s, and end soon after it. A budget of
# weeks has no meaning there, so it has no tickets for slow leaks.
LOCAL = Profile(
    name="local",
    interval="5s",
    slow_interval="15s",
    page=(Burn(14.4, "2m", "30s"), Burn(6, "5m", "1m")),
    ticket=(),
    min_bad=3,
    pending="10s",
    hold="2m",
    down="25s",
    known="10m",
    recent="1m",
    probes="30s",
    settle="10m",
    delay="20s",
    delay_seconds=20,
)
PROFILES = (CLUSTER, LOCAL)
