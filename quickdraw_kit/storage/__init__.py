"""Open, commit, fetch and cache files, on disks and in object stores."""
