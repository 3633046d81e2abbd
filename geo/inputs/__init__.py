"""What analyses take: parameters, points and lines, and what is counted as demand and supply."""
