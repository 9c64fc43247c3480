"""Taking in a video: bytes to the object store, then the job to the database, then the answer."""
