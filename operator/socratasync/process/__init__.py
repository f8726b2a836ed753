"""What every command does alike: handle signals, write log lines, mask secrets."""
