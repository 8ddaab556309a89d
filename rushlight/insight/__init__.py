"""Looking at what a program works on: data, and where the time of loading goes."""
