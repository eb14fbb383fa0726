"""The default run as a person would write it by hand with Lightning and MLflow, one thing after the other: a reference.

python benchmarks/hand_written.py FOLDER
"""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import mlflow
import numpy as np
import pytorch_lightning as lightning
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

mpl.use("agg")
import matplotlib.pyplot as plt

EPOCHS = 30


class Classifier(lightning.LightningModule):
    """A multilayer perceptron that logs as Lightning's documentation shows."""

    def __init__(self) -> None:
        super().__init__()
        self.network = torch.nn.Sequential(
            torch.nn.Linear(64, 64),
            torch.nn.ReLU(),
            torch.nn.Linear(64, 32),
            torch.nn.ReLU(),
            torch.nn.Linear(32, 10),
        )
        self.history: list[dict[str, float]] = []

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        logits = self.network(batch[0])
        self.log("validation/loss", torch.nn.functional.cross_entropy(logits, batch[1]))
        self.log("validation/accuracy", (logits.argmax(1) == batch[1]).float().mean())

    def on_train_epoch_end(self) -> None:
        values = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        self.history.append(values)
        mlflow.log_metrics(values, step=self.current_epoch + 1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main(folder: Path) -> None:
    """Trains, evaluates, draws and logs."""
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_experiment("by hand")
    inputs, targets = load_digits(return_X_y=True)
    rest, test_inputs, rest_targets, test_targets = train_test_split(
        inputs, targets, test_size=270, stratify=targets, random_state=0
    )
    train_inputs, validation_inputs, train_targets, validation_targets = train_test_split(
        rest, rest_targets, test_size=270, stratify=rest_targets, random_state=0
    )
    scaler = StandardScaler().fit(train_inputs)

    def rows(part: np.ndarray, classes: np.ndarray) -> TensorDataset:
        return TensorDataset(torch.tensor(scaler.transform(part), dtype=torch.float32), torch.tensor(classes))

    with mlflow.start_run():
        mlflow.log_params(
            {"learning_rate": 1e-3, "hidden_sizes": [64, 32], "batch_size": 32, "epochs": EPOCHS}
        )
        model = Classifier()
        trainer = lightning.Trainer(
            max_epochs=EPOCHS,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(
            model,
            DataLoader(rows(train_inputs, train_targets), batch_size=32, shuffle=True),
            DataLoader(rows(validation_inputs, validation_targets), batch_size=270),
        )
        with torch.no_grad():
            logits = model.network(rows(test_inputs, test_targets).tensors[0])
        shares = torch.softmax(logits, 1).numpy()
        predicted = shares.argmax(1)
        mlflow.log_metrics(
            {
                "test/accuracy": accuracy_score(test_targets, predicted),
                "test/f1_macro": f1_score(test_targets, predicted, average="macro"),
                "test/roc_auc": roc_auc_score(test_targets, shares, multi_class="ovr"),
            }
        )
        figure, axes = plt.subplots()
        for name in ("train/loss", "validation/loss"):
            axes.plot([values[name] for values in model.history], label=name)
        axes.legend()
        mlflow.log_figure(figure, "learning_curves.png")
        figure, axes = plt.subplots()
        ConfusionMatrixDisplay.from_predictions(test_targets, predicted, ax=axes)
        mlflow.log_figure(figure, "confusion_matrix.png")
        example = np.zeros((1, 64), dtype=np.float32)
        mlflow.pytorch.log_model(
            model.network.eval(),
            name="model",
            input_example=example,
            pip_requirements=["torch"],
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
