"""What is handed out on paper or as a file: PDF, CSV and ZIP made of rows that a service found."""
