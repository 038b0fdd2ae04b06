"""The models: training, evaluation and prediction. Plain PyTorch, no Django."""
