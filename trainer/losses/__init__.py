"""One small pure function a loss. Shape suffixes: P pairs."""
