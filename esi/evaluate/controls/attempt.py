"""A control that fails costs its own figures alone: it is named, with the reason, and the others are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")
Failures = dict[str, dict[str, str]]  # the reason, by control and data set


def attempt(control: str, dataset: str, make: Callable[[], Made], failures: Failures) -> Made | None:
    """What `make` returns; None where it raises, which is said and noted in `failures`.

    A disk that is full is no fault of the control and goes on to the caller, as Ctrl-C does.
    """
    try:
        return make()
    except OSError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"{dataset}: the control {control} is not available, its rows are left out: {reason}", file=sys.stderr)
        failures.setdefault(control, {})[dataset] = reason
        return None
