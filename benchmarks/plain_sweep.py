"""A sweep as people write it: Hydra's own multirun of one Lightning script with MLflow's logger, as a reference.

python benchmarks/plain_sweep.py -m seed=0,1,2 folder=FOLDER
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import hydra
import matplotlib as mpl
import pytorch_lightning as lightning
import torch
from hydra.core.config_store import ConfigStore
from pytorch_lightning.loggers import MLFlowLogger
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

mpl.use("agg")
import matplotlib.pyplot as plt


@dataclass
class Configuration:
    """What is swept over and where it goes."""

    seed: int = 0
    epochs: int = 5
    folder: str = "."


ConfigStore.instance().store("config", Configuration)


class Classifier(lightning.LightningModule):
    """A multilayer perceptron that logs as Lightning's documentation shows, the loss of every step too."""

    def __init__(self) -> None:
        super().__init__()
        widths = ((64, 64), (64, 32))
        hidden = [layer for width in widths for layer in (torch.nn.Linear(*width), torch.nn.ReLU())]
        self.network = torch.nn.Sequential(*hidden, torch.nn.Linear(32, 10))

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        logits = self.network(batch[0])
        self.log("validation/loss", torch.nn.functional.cross_entropy(logits, batch[1]))
        self.log("validation/accuracy", (logits.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


@hydra.main(version_base="1.3", config_name="config", config_path=None)
def main(configuration: Configuration) -> None:
    """Trains once, logs and draws a figure."""
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    lightning.seed_everything(configuration.seed)
    inputs, targets = load_digits(return_X_y=True)
    rest, test, rest_targets, test_targets = train_test_split(inputs, targets, test_size=270, random_state=0)
    train, validation, train_targets, validation_targets = train_test_split(
        rest, rest_targets, test_size=270, random_state=0
    )
    scaler = StandardScaler().fit(train)

    def rows(part: object, classes: object) -> TensorDataset:
        return TensorDataset(torch.tensor(scaler.transform(part), dtype=torch.float32), torch.tensor(classes))

    store = f"sqlite:///{Path(configuration.folder) / 'mlflow.db'}"
    logger = MLFlowLogger("by hand", tracking_uri=store)
    logger.log_hyperparams({"seed": configuration.seed, "epochs": configuration.epochs})
    model = Classifier()
    trainer = lightning.Trainer(
        max_epochs=configuration.epochs,
        logger=logger,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(
        model,
        DataLoader(rows(train, train_targets), batch_size=32, shuffle=True),
        DataLoader(rows(validation, validation_targets), batch_size=270),
    )
    with torch.no_grad():
        predicted = model.network(rows(test, test_targets).tensors[0]).argmax(1)
    logger.log_metrics({"test/accuracy": float((predicted.numpy() == test_targets).mean())})
    figure, axes = plt.subplots()
    ConfusionMatrixDisplay.from_predictions(test_targets, predicted, ax=axes)
    logger.experiment.log_figure(logger.run_id, figure, "confusion_matrix.png")
    plt.close(figure)


if __name__ == "__main__":
    main()
