"""What every process of ours does: signals, log lines, masking of secrets."""
