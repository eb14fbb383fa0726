"""How Lightning is imported without torchmetrics: half of the time that importing it takes.

Lightning asks torchmetrics for two classes, to know a metric that is logged when it meets one; here nothing is logged by
it. For these, torchmetrics imports SciPy's signal processing and matplotlib, among others. So that Lightning gets two empty
classes while it is imported; whoever imports torchmetrics afterwards gets torchmetrics.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import sys
from types import ModuleType

import torch

_METRICS = "torchmetrics"
_LIGHTNING = ("pytorch_lightning", "lightning_fabric")


class _Metric(torch.nn.Module):
    """Stands for a metric: nothing is one."""


class _MetricCollection(torch.nn.ModuleDict):
    """Stands for several metrics."""


def stand_in() -> ModuleType:
    """Returns what stands for torchmetrics while Lightning is imported."""
    found = ModuleType(_METRICS)
    found.__dict__.update(
        __version__=importlib.metadata.version(_METRICS), Metric=_Metric, MetricCollection=_MetricCollection
    )
    return found


def import_lightning(metrics: ModuleType) -> None:
    """Imports Lightning with a module in the place of torchmetrics; with torchmetrics itself where that is not enough."""
    if _METRICS in sys.modules or _LIGHTNING[0] in sys.modules:
        importlib.import_module(_LIGHTNING[0])
        return
    sys.modules[_METRICS] = metrics
    try:
        # Another version of Lightning may want more of it.
        with contextlib.suppress(ImportError, AttributeError):
            importlib.import_module(_LIGHTNING[0])
            return
    finally:
        del sys.modules[_METRICS]
    for name in [name for name in sys.modules if name.partition(".")[0] in _LIGHTNING]:
        del sys.modules[name]
    importlib.import_module(_LIGHTNING[0])
