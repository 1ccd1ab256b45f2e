"""Server certificates as people bring them: PEM and PFX files, requests, and the rules that both must keep.

Takes bytes of files and a site, gives a certificate with its chain and key, or every rule that is broken.
Must not know the wire, the world or the judge.
"""
