"""What can be done with an experiment."""
