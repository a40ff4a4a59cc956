"""What is raced, a file for each job: it lists the job's cases."""
