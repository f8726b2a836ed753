"""What operator and worker say to each other: each format with its writer and its reader."""
