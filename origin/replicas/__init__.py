"""The stores of all regions: the first that is well is read, all are kept alike."""
