"""Processes: what can be run by name, now or as a job."""
