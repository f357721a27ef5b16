"""Steps as jobs of a cluster: SLURM through submitit, predictions in parts, several GPUs in a job."""
