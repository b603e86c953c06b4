"""What lies in a workspace, and which plan it suggests; nothing is written but the plan."""
