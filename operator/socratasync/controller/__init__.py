"""The operator: decides what is to be done for each SocrataSync, and never touches data."""
