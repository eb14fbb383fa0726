"""Tables of a person's own: read, understood, and made into numbers by what the training rows hold."""
