"""Programs to read, run and copy: each is a whole training run in plain sight."""
