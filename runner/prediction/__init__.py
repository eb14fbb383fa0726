"""What a trained network says of new examples: read in blocks, answered, written in blocks."""

from runner.prediction.answers import Answers, answers
from runner.prediction.models import CHOICES, Predictor, predictor
from runner.prediction.records import Block, Examples

__all__ = ["CHOICES", "Answers", "Block", "Examples", "Predictor", "answers", "predictor"]
