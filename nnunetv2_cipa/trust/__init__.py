"""How far a prediction can be trusted: an ensemble's disagreement, calibration, and what a score is worth."""
