"""Pictures of a person's own: found, decoded once, and augmented in the same way for every backend."""
