"""The compute side: claims shards, searches, classifies, writes reports."""
