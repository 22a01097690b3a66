"""What tests share: databases, clocks, and the rule for parts a machine may lack. Start at `parts.py`."""
