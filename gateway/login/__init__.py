"""People log in with a browser: at the identity provider, then with a session of the gateway."""
