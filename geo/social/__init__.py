"""Social services: the analyses of access, provision, equity and sites."""
