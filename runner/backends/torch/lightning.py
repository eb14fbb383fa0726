"""What is used of Lightning, imported in the lean way."""

from __future__ import annotations

from runner.backends.torch import lean

lean.import_lightning(lean.stand_in())

# Only now: whatever is imported of Lightning comes from what was imported just before.

from lightning_fabric.plugins.environments.lightning import LightningEnvironment  # noqa: E402
from pytorch_lightning import LightningModule, Trainer  # noqa: E402
from pytorch_lightning.strategies import DDPStrategy, Strategy  # noqa: E402

__all__ = ["DDPStrategy", "LightningEnvironment", "LightningModule", "Strategy", "Trainer"]
