"""From probabilities to masks: a threshold, a smallest lesion and a gate, found in cross-validation."""
