"""One folder for each framework, all with the same five modules of the same public names."""
