"""What the kernel knows of each field, as conditions over the probe's memory."""
