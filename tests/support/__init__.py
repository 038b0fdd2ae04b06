"""What tests run on: private services, worker processes, web servers and a browser."""
