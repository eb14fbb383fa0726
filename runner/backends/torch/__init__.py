"""PyTorch, by a Lightning module under its Trainer."""
