"""What engines share about servers: pace, circuit, replies, failures, and processes that are watched."""
