"""What lab tests act on and with: pools, servers, users, faults; and the pages that come out of them."""
