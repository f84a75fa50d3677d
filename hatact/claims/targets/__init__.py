"""What several papers train on; a module each, whose records depend on its arguments alone."""
