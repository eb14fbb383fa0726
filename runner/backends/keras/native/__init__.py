"""What Keras does when it is left to itself: its own classes under the names and arguments of ours."""
