"""What turns the contracts into code and checks them: helpers of buf, called by make."""
