"""What is measured of models' answers: accuracy, samples, second turns, changes between two models."""
