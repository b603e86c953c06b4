"""Compare a target with what the plan and its originals demand."""
