"""From values to what is shown: pure functions, without a console in sight."""
