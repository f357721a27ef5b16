"""How long things take: the work of each command, what was measured of it on a machine, and schedules for a time."""
