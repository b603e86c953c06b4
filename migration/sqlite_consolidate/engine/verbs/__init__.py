"""What an operator can ask for: consolidate, roll back, or judge what stands."""
