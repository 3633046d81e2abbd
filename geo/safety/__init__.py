"""Public safety: the analyses of incidents, roads, stations and hazards."""
