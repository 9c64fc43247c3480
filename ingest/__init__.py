"""Takes uploads, encodes them into HLS packages and announces these to the control plane."""
