"""One module for each verb; each has a function ``run`` from the words after the verb to an exit code."""
