"""What two services must agree on, and the chassis each stands on."""
