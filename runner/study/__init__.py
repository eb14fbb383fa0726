"""Many runs looked at together: groups over seeds and folds, paired comparisons, what mattered."""

from runner.study.records import Study, Trial, default_metric

__all__ = ["Study", "Trial", "default_metric"]
