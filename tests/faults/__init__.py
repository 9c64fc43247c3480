"""What the system makes of kill -9 and the like, seen from outside."""
