"""What the simulated machines do: device, balancer, cert proxy, Access service, attacker, canary.

Takes a Host and the site's settings, gives coroutines that serve and act.
Must not know sockets, wires or the recorder.
"""
