"""A plan that fits CIPA to the machine: batch, patch, normalisation, and a schedule for a given time."""
