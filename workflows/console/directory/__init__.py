"""The directory in the console: its units and places are looked at, edited, closed and exported by the community itself."""
