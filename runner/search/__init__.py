"""A search with Optuna: over which values, who chooses the next ones, and who judges a run while it trains."""
