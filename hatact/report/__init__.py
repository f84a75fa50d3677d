"""From results to what a person reads: pictures and the terminal's tables. Internal."""
