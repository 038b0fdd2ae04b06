"""The trial: a whole Nevus on one machine, started and stopped by one command."""
