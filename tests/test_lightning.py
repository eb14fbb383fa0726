"""Lightning is imported without torchmetrics, and with it where it wants more; each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAN = """
import sys
from runner.backends.torch.lightning import LightningModule, Trainer
assert not {"torchmetrics", "scipy", "matplotlib"} & sys.modules.keys()
import torch, torchmetrics
accuracy = torchmetrics.Accuracy(task="multiclass", num_classes=2)
accuracy(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 1, 0, 1]))
print(float(accuracy.compute()), issubclass(LightningModule, torch.nn.Module))
"""
# As if Lightning wanted something that the stand-in does not have.
WHOLE = """
from types import ModuleType
from runner.backends.torch import lean
lean.import_lightning(ModuleType("torchmetrics"))
import torchmetrics
from pytorch_lightning.core import module
from runner.backends.torch.lightning import LightningModule
print(module.Metric is torchmetrics.Metric, LightningModule is module.LightningModule)
"""


@pytest.mark.parametrize(("code", "said"), [(LEAN, "0.75 True"), (WHOLE, "True True")], ids=["lean", "whole"])
def test_lightning_is_what_it_is_and_so_is_torchmetrics(code: str, said: str) -> None:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == said
