"""The same experiment on two backends, step by step: what is recorded, how it is compared, and what is said of it."""
