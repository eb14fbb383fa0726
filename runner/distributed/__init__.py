"""One training on several devices: a process for each, on one machine or on several, and who watches them."""
