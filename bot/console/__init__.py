"""The staff's pages at /console: rendered here on the server, without a script; README.md says why."""
