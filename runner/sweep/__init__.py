"""Many runs as one thing: what Hydra's sweepers and launchers do not give."""
