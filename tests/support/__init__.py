"""What tests share: specs, layouts, oracles, meters, child processes. No test imports a test."""
