"""Which traces are sampled: OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, as OpenTelemetry specifies them."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.runtime.config import ConfigError
from services.runtime.telemetry.spans import NOT_SAMPLED, SAMPLED

SAMPLER, ARGUMENT = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
PARENT_BASED = "parentbased_"
# The low 64 bits of a trace id decide, as in the SDK of OpenTelemetry for Python.
DECIDING_DIGITS = 16
LIMIT = 16**DECIDING_DIGITS


@dataclass(frozen=True, slots=True)
class Sampler:
    """Samples `ratio` of all traces. If it is parent-based, only of those that start in this process."""

    is_parent_based: bool = True
    ratio: float = 1.0

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Sampler":
        """Read the environment. Raises ConfigError."""
        name = environ.get(SAMPLER, "").strip().lower() or "parentbased_always_on"
        match name.removeprefix(PARENT_BASED):
            case "always_on":
                ratio = 1.0
            case "always_off":
                ratio = 0.0
            case "traceidratio":
                ratio = _ratio(environ.get(ARGUMENT, "").strip() or "1")
            case _:
                raise ConfigError(f"{SAMPLER}: {name!r} is not supported")
        return cls(name.startswith(PARENT_BASED), ratio)

    def flags(self, trace_id: str) -> str:
        """Return the trace flags of a trace that this process decides about."""
        return SAMPLED if int(trace_id[-DECIDING_DIGITS:], 16) < self.ratio * LIMIT else NOT_SAMPLED


def _ratio(value: str) -> float:
    try:
        ratio = float(value)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise ConfigError(f"{ARGUMENT}: {value!r} is not a number from 0 to 1")
    return ratio
