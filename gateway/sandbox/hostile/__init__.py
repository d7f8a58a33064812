"""How the misbehaviours of `gateway.sandbox.misbehaviours` happen to the calls, the orders and the events of a sandbox."""
