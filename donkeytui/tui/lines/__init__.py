"""Plain functions from results of operations to lines; what is on a screen, without a screen."""
